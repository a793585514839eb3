"""Pareto k of many sets of weights by ArviZ: the goldens of engine/tests/correct.rs.

Each set is made from a Lehmer generator, x -> 48271 x mod 2^31 - 1, which the test repeats; a row of
the golden file is (law, its parameter, samples, k). ArviZ says infinity where it fits nothing.
Needs arviz 0.23.4, numpy 2.4.6. Run: python3 pareto.py > pareto.csv
"""

import warnings

import arviz
import numpy as np

LAWS = [("pareto", k) for k in (0.1, 0.5, 0.7, 1.2, 3.0)]
LAWS += [("exponential", 0.5), ("uniform", 1.0), ("ties", 8.0), ("zeros", 0.5), ("wide", 400.0)]
SIZES = (25, 100, 1000, 20000)


def uniforms(n):
    x = 1
    for _ in range(n):
        x = 48271 * x % 2147483647
        yield x / 2147483647


def ln_weight(law, parameter, u):
    match law:
        case "pareto":
            return -parameter * np.log(u)
        case "exponential":  # k = 0
            return np.log1p(-parameter * np.log(u))
        case "uniform":  # k = -1
            return np.log(u)
        case "ties":  # a discrete model: few different weights
            return np.log(1 + np.floor(parameter * u * u))
        case "zeros":  # half of the samples are outside the target
            return -parameter * np.log(2 * u) if u < 0.5 else -np.inf
        case "wide":  # hundreds of nats apart
            return parameter * u


def main():
    print("law,parameter,n,k")
    for law, parameter in LAWS:
        for n in SIZES:
            ln_w = np.array([ln_weight(law, parameter, u) for u in uniforms(n)])
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                _, k = arviz.psislw(ln_w)
            print(f"{law},{parameter},{n},{float(k)!r}")


main()
