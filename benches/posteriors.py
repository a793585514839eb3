#!/usr/bin/env python3
"""Posteriors from simulations: three tasks of the SBI benchmark, their ten observations, C2ST.

    python3 -m venv target/density
    target/density/bin/pip install -r benches/density.requirements.txt
    cargo build --release
    target/density/bin/python benches/posteriors.py                   # about 40 minutes
    target/density/bin/python benches/posteriors.py --only slcp --set train.seed=2
    target/density/bin/python benches/posteriors.py --markdown benches/README.md

A flow over the parameters, given the data, is trained by the command line with 10,000 simulations, of
which a tenth is held out. What may be exchanged without a change of the simulator's distribution is
exchanged in the rows of training, each of which stands there in every such form (the order of SLCP's four
points and the signs of its deviations; the two parameters of the moons): no simulation more, but less
that a flow can know by heart. Then, for each observation that sbibm ships, 10,000 parameters are drawn given
it, and a classifier is trained to tell them from sbibm's 10,000 samples of the reference posterior: the
classifier two-sample test, C2ST, is its accuracy, 0.5 if it cannot. Draws outside a uniform prior are
drawn again, as sbi does. Last, `check --data` audits the ranks of 2,000 fresh simulations.

Simulators and priors are written here from the benchmark's definitions (Lueckmann et al. 2021,
arXiv:2101.04653), so that nothing of it has to be installed; the files come from its wheel. The C2ST is
the benchmark's: two hidden layers of ten units a dimension, five folds, rows in units of the reference's
mean and deviation.
"""

import argparse
import bz2
import dataclasses
import datetime
import io
import itertools
import json
import os
import pathlib
import subprocess
import sys
import time
import typing
import warnings
import zipfile

# One thread for each fold of the classifier, and as many folds at once as there are cores.
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
START, END = "<!-- posteriors.py: start -->", "<!-- posteriors.py: end -->"
PACKAGE = "sbibm==1.1.0"
SIMULATIONS, DRAWS, FRESH = 10_000, 10_000, 2_000


def two_moons(random, theta):
    """A point on a crescent, moved by the parameters in two ways that give the same data."""
    angle = random.uniform(-np.pi / 2, np.pi / 2, len(theta))
    radius = random.normal(0.1, 0.01, len(theta))
    along, across = theta.sum(1) / np.sqrt(2), (theta[:, 1] - theta[:, 0]) / np.sqrt(2)
    point = [radius * np.cos(angle) + 0.25 - np.abs(along), radius * np.sin(angle) + across]
    return np.stack(point, 1)


def gaussian_linear(random, theta):
    """The parameters with noise of variance 0.1."""
    return theta + random.normal(0, np.sqrt(0.1), theta.shape)


def slcp(random, theta):
    """Four points of a normal distribution in the plane, whose mean and covariance are the parameters."""
    first, second, correlation = theta[:, 2] ** 2, theta[:, 3] ** 2, np.tanh(theta[:, 4])
    # The lower triangle of the covariance's root; the benchmark adds 1e-6 to both variances.
    a = np.sqrt(first**2 + 1e-6)
    b = correlation * first * second / a
    c = np.sqrt(second**2 + 1e-6 - b**2)
    noise = random.normal(size=(2, 4, len(theta)))
    x = theta[:, 0] + a * noise[0]
    y = theta[:, 1] + b * noise[0] + c * noise[1]
    return np.stack([x, y], 2).transpose(1, 0, 2).reshape(len(theta), 8)


def mirrored(rows):
    """Two moons, also with the parameters that give the same crescent: (−b, −a) for (a, b)."""
    other = rows.copy()
    other[:, 0], other[:, 1] = -rows[:, 1], -rows[:, 0]
    return np.concatenate([rows, other])


def exchanged(rows):
    """SLCP, with its points in every order and both signs of what is squared."""
    orders = itertools.permutations(range(4))
    points = rows[:, 5:].reshape(len(rows), 4, 2)
    forms = []
    for order, signs in itertools.product(orders, itertools.product((1, -1), repeat=2)):
        theta = rows[:, :5].copy()
        theta[:, 2:4] *= signs
        forms.append(np.concatenate([theta, points[:, order].reshape(len(rows), 8)], 1))
    return np.concatenate(forms)


@dataclasses.dataclass
class Task:
    """A simulator, its prior, and how we train."""

    simulate: typing.Callable
    parameters: int
    data: int
    bound: float  # of the uniform prior; 0: the prior is normal, of variance 0.1
    published: float  # C2ST of the benchmark's NPE with 10,000 simulations
    config: str
    forms: typing.Callable = lambda rows: rows  # rows, in every form that is as likely

    @property
    def name(self):
        return self.simulate.__name__

    def prior(self, random, n):
        if self.bound:
            return random.uniform(-self.bound, self.bound, (n, self.parameters))
        return random.normal(0, np.sqrt(0.1), (n, self.parameters))

    def simulations(self, random, n):
        theta = self.prior(random, n)
        return np.concatenate([theta, self.simulate(random, theta)], 1).astype("f4")

    def context(self):
        return list(range(self.parameters + 1, self.parameters + self.data + 1))


SPLINES = """[model]
kind = "nsf"
mode = "autoregressive"
layers = 5
bins = 8
"""
AFFINE = """[model]
kind = "maf"
layers = 5
hidden = [64, 64]
"""
TRAIN = """
[train]
batch = 256
learning_rate = 1e-3
"""
# Chosen by the NLL of held-out simulations.
SMOOTH = 'hidden = [64, 64]\nactivation = "silu"\n'
LONG = "steps = 15000\naverage = 0.999\n"
WIDE = "hidden = [128, 128]\n"
DECAYING = "steps = 5000\naverage = 0.998\ninitial_scale = 0.1\nweight_decay = 0.1\n"
SMALL_START = "steps = 5000\naverage = 0.999\ninitial_scale = 0.1\n"

TASKS = (
    Task(two_moons, 2, 2, 1.0, 0.606, SPLINES + SMOOTH + TRAIN + LONG, mirrored),
    Task(gaussian_linear, 10, 10, 0.0, 0.552, AFFINE + TRAIN + SMALL_START),
    Task(slcp, 5, 8, 3.0, 0.901, SPLINES + WIDE + TRAIN + DECAYING, exchanged),
)


def package(folder):
    """The benchmark's wheel, downloaded once."""
    name, version = PACKAGE.split("==")
    find = lambda: list(folder.glob(f"{name}-{version}-*.whl"))
    if not find():
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, PACKAGE],
            check=True,
        )
    return zipfile.ZipFile(find()[0])


def shipped(wheel, task, number):
    """An observation and its reference posterior."""
    folder = f"sbibm/tasks/{task.name}/files/num_observation_{number}"
    read = lambda text: np.loadtxt(io.StringIO(text.decode()), delimiter=",", skiprows=1)
    reference = bz2.decompress(wheel.read(f"{folder}/reference_posterior_samples.csv.bz2"))
    return read(wheel.read(f"{folder}/observation.csv")), read(reference)


def c2st(reference, draws):
    """How often a classifier is right."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import KFold, cross_val_score
    from sklearn.neural_network import MLPClassifier

    mean, deviation = reference.mean(0), reference.std(0, ddof=1)
    units = 10 * reference.shape[1]
    classifier = MLPClassifier(hidden_layer_sizes=(units, units), max_iter=10_000, random_state=1)
    rows = (np.concatenate([reference, draws]) - mean) / deviation
    labels = np.repeat([0, 1], [len(reference), len(draws)])
    folds = KFold(n_splits=5, shuffle=True, random_state=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return cross_val_score(classifier, rows, labels, cv=folds, n_jobs=-1).mean()


class Flow:
    """A trained model and its command line."""

    def __init__(self, task, folder, arguments):
        self.task, self.folder, self.binary = task, folder, arguments.binary
        random = np.random.default_rng(arguments.simulations_seed)
        rows = task.simulations(random, SIMULATIONS)
        held_out = SIMULATIONS // 10
        np.save(folder / "simulations.npy", task.forms(rows[held_out:]))
        np.save(folder / "held_out.npy", rows[:held_out])
        np.save(folder / "fresh.npy", task.simulations(random, FRESH))
        data = 'data = "simulations.npy"\nvalidation = "held_out.npy"'
        target = f"\n[target]\n{data}\ncontext = {task.context()}\n"
        (folder / "config.toml").write_text(task.config + target)
        settings = [part for setting in arguments.set for part in ("--set", setting)]
        command = ["train", folder / "config.toml", "--out", folder / "out", "--device", "cpu", "--json"]
        self.figures = json.loads(self.call(*command, *settings))
        self.model = folder / "out" / "model.safetensors"

    def call(self, *command):
        told = subprocess.run([self.binary, *map(str, command)], capture_output=True, text=True)
        if told.returncode and command[0] != "check":
            raise SystemExit(told.stderr)
        return told.stdout

    def draw(self, observation):
        """Draws given an observation, and the share of them that the prior allows."""
        context = ",".join(f"{value:.9g}" for value in observation)
        kept, first = np.empty((0, self.task.parameters)), 0
        while len(kept) < DRAWS:
            file = self.folder / "draws.npy"
            command = ["sample", self.model, "-n", 2 * DRAWS, "--first", first, f"--context={context}"]
            self.call(*command, "-o", file)
            rows = np.load(file).astype("f8")
            inside = (np.abs(rows) <= (self.task.bound or np.inf)).all(1)
            kept, first = np.concatenate([kept, rows[inside]]), first + len(rows)
            if first > 1000 * DRAWS:
                raise SystemExit(f"{self.task.name}: hardly a draw lies where the prior is")
        return kept[:DRAWS], inside.mean()

    def ranks(self):
        """What `check` says of the ranks of fresh simulations."""
        columns = ",".join(map(str, self.task.context()))
        told = self.call("check", self.model, "--data", self.folder / "fresh.npy", "--context", columns, "--json")
        return next(row for row in json.loads(told)["checks"] if row["name"] == "calibration")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="a task; may be repeated")
    parser.add_argument("--set", action="append", default=[], help="a key of the configs, as train takes it")
    parser.add_argument("--simulations-seed", type=int, default=20261129)
    parser.add_argument("--observations", type=int, default=10, help="how many; 0: train only")
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release" / "pushforward")
    parser.add_argument("--folder", type=pathlib.Path, default=TARGET / "posteriors")
    parser.add_argument("--markdown", type=pathlib.Path, help="the file whose table is replaced")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    wheel = package(arguments.folder)
    rows = []
    for task in TASKS:
        if arguments.only and task.name not in arguments.only:
            continue
        folder = arguments.folder / task.name
        folder.mkdir(exist_ok=True)
        flow = Flow(task, folder, arguments)
        figures = {key: flow.figures[key] for key in ("nll", "held_out_nll", "best_step", "seconds")}
        ranks = flow.ranks()
        print(f"{task.name}: {figures}, ranks {ranks}", file=sys.stderr, flush=True)
        scores, shares = [], []
        for number in range(1, arguments.observations + 1):
            observation, reference = shipped(wheel, task, number)
            start = time.perf_counter()
            draws, share = flow.draw(observation)
            seconds = time.perf_counter() - start
            scores.append(c2st(reference, draws))
            shares.append(share)
            print(
                f"{task.name}, observation {number}: C2ST {scores[-1]:.3f}, {share:.3f} of the draws inside "
                f"the prior, drawn in {seconds:.2f} s",
                file=sys.stderr,
                flush=True,
            )
        if scores:
            rows.append((task, flow, scores, shares, ranks))
    if rows:
        text = table(rows)
        print(text)
        if arguments.markdown:
            page = arguments.markdown.read_text()
            before, rest = page.split(START)
            arguments.markdown.write_text(f"{before}{START}\n{text}\n{END}{rest.split(END)[1]}")


def table(rows):
    """The figures in Markdown."""
    lines = [
        f"{datetime.date.today()}, {SIMULATIONS:,} simulations, ten observations: mean and range of their C2ST.",
        "",
        "| task | C2ST | from … to | NPE of the benchmark | inside the prior | ranks | training, s |",
        "|---|---:|---|---:|---:|---|---:|",
    ]
    for task, flow, scores, shares, ranks in rows:
        p = ranks["detail"].split("p = ")[1].split(" ")[0]
        cells = [task.name, f"{np.mean(scores):.3f}", f"{min(scores):.3f} … {max(scores):.3f}"]
        cells += [f"{task.published:.3f}", f"{np.mean(shares):.3f}"]
        cells += [f"p = {p}, {'passed' if ranks['ok'] else 'FAILED'}", f"{flow.figures['seconds']:.0f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
