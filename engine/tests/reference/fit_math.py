"""Fits the polynomials of engine/src/math.rs, the rational of engine/src/noise.rs and the tail of
engine/src/univariate/mixture_cdf/cdf.rs.

Minimax by linear programming: the maximum of |weight * (target - sum_j c_j x^j)| over a dense
Chebyshev grid is minimised, starting from a least-squares fit whose residual the program refines
(so that its tolerance of 1e-9 is relative to that residual). Coefficients are then rounded to f32
from the lowest up, the rest being refitted after each. The rational is linearised with the
previous denominator (Loeb's iteration). Targets come from mpmath with 40 digits.

Needs mpmath, numpy, scipy. Run: python3 fit_math.py
"""

import mpmath as mp
import numpy as np
from scipy.optimize import linprog

mp.mp.dps = 40


def grid(a, b, n=1500):
    k = np.arange(n)
    return (a + b) / 2 + (b - a) / 2 * np.cos(np.pi * k / (n - 1))


def minimax(columns, target):
    """c with the least max |target - columns c|, and that maximum."""
    scale = np.abs(columns).max(axis=0)
    a = columns / scale
    c, *_ = np.linalg.lstsq(a, target, rcond=None)
    for _ in range(2):
        residual = target - a @ c
        unit = np.abs(residual).max()
        q, r = np.linalg.qr(a)
        q = q * np.sqrt(len(a))
        one = np.ones((len(a), 1))
        lp = linprog(
            np.r_[np.zeros(q.shape[1]), 1.0],
            A_ub=np.block([[q, -one], [-q, -one]]),
            b_ub=np.r_[residual / unit, -residual / unit],
            bounds=[(None, None)] * q.shape[1] + [(0, None)],
            method="highs",
        )
        c = c + np.linalg.solve(r, lp.x[:-1] * unit * np.sqrt(len(a)))
    return c / scale, np.abs(target - a @ c).max()


def rounded(x, g, weight, degree):
    """Minimax coefficients of degree `degree` with weight, rounded to f32 one after another."""
    powers = x[:, None] ** np.arange(degree + 1) * weight[:, None]
    rest = g * weight
    out = []
    _, ideal = minimax(powers, rest)
    for j in range(degree + 1):
        c, _ = minimax(powers[:, j:], rest)
        out.append(np.float32(c[0]))
        rest = rest - float(out[-1]) * powers[:, j]
    return out, ideal, np.abs(rest).max()


def values(f, x):
    return np.array([float(f(mp.mpf(float(t)))) for t in x])


def show(name, fit):
    coefficients, ideal, real = fit
    print(f"{name}: max relative error {ideal:.2e}, with f32 coefficients {real:.2e}")
    print("   [" + ", ".join(f"{str(c)}" for c in coefficients) + "]")


def exp():
    h = float(mp.log(2) / 2) * 1.0005
    x = grid(-h, h)
    g = values(lambda t: (mp.expm1(t) - t) / t**2 if t else mp.mpf(1) / 2, x)
    # Relative to e^r and, for expm1 near zero, to |r|: the stricter of the two.
    return x, g, np.exp(-x) * x**2


def ln():
    x = grid(float(mp.sqrt(0.5)) - 1, float(mp.sqrt(2)) - 1)
    g = values(lambda t: (mp.log1p(t) - t + t * t / 2) / t**3 if t else mp.mpf(1) / 3, x)
    return x, g, x**3 / values(mp.log1p, x)


def sine():
    """(sin r - r)/r^3 as a function of r^2, up to a quarter turn; relative to sin r."""
    y = grid(0, float(mp.pi / 2) ** 2 * 1.0005)
    r = np.sqrt(y)
    g = values(lambda t: (mp.sin(mp.sqrt(t)) / mp.sqrt(t) - 1) / t if t else -mp.mpf(1) / 6, y)
    return y, g, np.where(r > 0, r**3 / np.maximum(np.sin(r), 1e-300), 0.0)


def mills():
    """Phi(-t) e^(t^2/2) / u as a function of u = 1/(1 + 0.35 t), for all t from 0 on."""
    u = grid(1e-9, 1, 800)
    t = (1 / u - 1) / 0.35
    near = lambda t: mp.erfc(t / mp.sqrt(2)) / 2 * mp.exp(t * t / 2)
    far = lambda t: (1 - 1 / t**2) / (mp.sqrt(2 * mp.pi) * t)
    g = values(lambda t: near(t) if t < 1000 else far(t), t) / u
    return u, g, 1 / g


def quantile_ratio(w):
    """Phi^-1(1 - p) / (1 - 2p) as a function of w = -ln(4p(1-p))."""
    if w == 0:
        return mp.sqrt(mp.pi / 2)
    y = mp.sqrt(-mp.expm1(-w))
    if y < mp.mpf("0.5"):
        return mp.sqrt(2) * mp.erfinv(y) / y
    p = mp.exp(-w) / (2 * (1 + y))
    z = mp.sqrt(-2 * mp.log(p)) - mp.mpf("0.5")
    z = max(z, mp.mpf("0.3"))
    for _ in range(40):
        tail = mp.erfc(z / mp.sqrt(2)) / 2
        step = (tail - p) * mp.sqrt(2 * mp.pi) * mp.exp(z * z / 2)
        step = step / (1 + z * step / 2)
        z += step
        if abs(step) < mp.mpf(10) ** -30:
            break
    return z / y


def rational(g, weight, x, n, m):
    """P/Q of degrees n, m with Q(0) = 1, least max |weight (P/Q - g)|, coefficients in f32."""
    powers = x[:, None] ** np.arange(max(n, m) + 1)
    columns = np.hstack([powers[:, : n + 1], -g[:, None] * powers[:, 1 : m + 1]])
    # From the lowest power up, numerator and denominator in turn.
    order = sorted(range(n + m + 1), key=lambda j: (j, 0) if j <= n else (j - n, 1))
    c = np.zeros(n + m + 1)
    for done in range(n + m + 2):
        free = order[done:]
        best = None
        for _ in range(20 if done == 0 else 6):
            if free:
                v = weight / (1 + powers[:, 1 : m + 1] @ c[n + 1 :])
                rest = g - columns[:, order[:done]] @ c[order[:done]]
                c[free], _ = minimax(columns[:, free] * v[:, None], rest * v)
            q = 1 + powers[:, 1 : m + 1] @ c[n + 1 :]
            error = np.abs((powers[:, : n + 1] @ c[: n + 1] / q - g) * weight).max()
            if best is None or error < best[0]:
                best = (error, c.copy())
        error, c = best
        if done == 0:
            ideal = error
        if free:
            c[free[0]] = np.float32(c[free[0]])
    size = np.abs(powers[:, : n + 1] * c[: n + 1]).sum(axis=1) / q * weight
    print(f"terms of the numerator reach {size.max():.2f} of the result")
    return ideal, error, np.float32(c[: n + 1]), np.float32(np.r_[1.0, c[n + 1 :]])


def normal(slope, n, m):
    """|x|/(1 - 2p) = start + w (slope + P/Q): a small correction, so that its roundings are too."""
    start = float(np.float32(mp.sqrt(mp.pi / 2)))
    w = np.linspace(0, float(31 * mp.log(2)) * 1.001, 1501)[1:]
    f = values(quantile_ratio, w)
    ideal, real, p, q = rational((f - start) / w - slope, w / f, w, n, m)
    print(f"normal {slope} {n}/{m}: max relative error {ideal:.2e}, with f32 coefficients {real:.2e}")
    for c in (p, q):
        print("   [" + ", ".join(str(a) for a in c) + "]")


if __name__ == "__main__":
    show("EXP", rounded(*exp(), 4))
    show("LN", rounded(*ln(), 7))
    show("SIN", rounded(*sine(), 3))
    show("MILLS", rounded(*mills(), 10))
    normal(0.25, 5, 5)
