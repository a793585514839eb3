"""One peer doing one piece of work, timed on request.

    python worker.py PEER MODEL WORK BATCH

Builds the model with random weights (the cost does not depend on them), compiles and warms up,
prints "ready", and answers each line "SECONDS" on standard input with a JSON object: the shortest
call in seconds and in CPU seconds (on one thread the two differ where other programs had the core).
`compare.py` runs one of these beside our own program, `timings`, which speaks the same way.
"""

import json
import os
import sys
import time

PEER, MODEL, WORK, BATCH = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
# The affinity mask that compare.py set says how many threads this row has.
THREADS = len(os.sched_getaffinity(0))
os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = str(THREADS)
if THREADS == 1:
    os.environ["XLA_FLAGS"] = (
        "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    )
os.environ["JAX_PLATFORMS"] = "cpu"

# name: (coordinates, layers, hidden units)
FLOWS = {
    "nsf-8": (8, 8, (64, 64)),
    "realnvp-64": (64, 8, (128, 128)),
    "maf-16": (16, 3, (64, 64)),
    "maf-64": (64, 5, (256, 256)),
}
# name: (lattice size, depth, channels)
NETWORKS = {"van-3": (16, 3, 4), "van-2": (16, 2, 4), "van-1": (16, 1, 1)}
# name: (lattice size, depth, channels, half of the kernel)
CONVOLUTIONS = {"pixelcnn": (16, 3, 64, 6)}
BINS = 8
BOUND = 5.0


def van():
    """A variational autoregressive network in torch, as its authors sample and train it."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    size, depth, channels = NETWORKS[MODEL]
    sites = size * size

    class Layer(torch.nn.Linear):
        """A dense layer over (channel, site) that sees only earlier sites."""

        def __init__(self, inputs, outputs, first):
            super().__init__(inputs * sites, outputs * sites)
            earlier = torch.ones(sites, sites).tril(-1 if first else 0)
            self.register_buffer("mask", earlier.repeat(outputs, inputs))

        def masked(self):
            return self.weight * self.mask

    widths = [1] + [channels] * (depth - 1) + [1]
    pairs = list(zip(widths, widths[1:]))
    layers = torch.nn.ModuleList(Layer(a, b, k == 0) for k, (a, b) in enumerate(pairs))
    units = torch.nn.ModuleList(torch.nn.PReLU(b * sites, init=0.5) for _, b in pairs[:-1])

    def conditionals(x, weights):
        for k, layer in enumerate(layers):
            x = torch.nn.functional.linear(x, weights[k], layer.bias)
            if k < len(units):
                x = units[k](x)
        return torch.sigmoid(x)

    def log_prob(x, weights):
        up = conditionals(x, weights)
        return torch.log(torch.where(x > 0, up, 1 - up) + 1e-7).sum(1)

    def draw(weights):
        # One full pass for each site; the masks are folded into the weights beforehand, which
        # spares the original's multiplication by the mask in every pass.
        x = torch.zeros(BATCH, sites)
        for site in range(sites):
            x[:, site] = torch.bernoulli(conditionals(x, weights)[:, site]) * 2 - 1
        return x

    def energy(x):
        grid = x.view(-1, size, size)
        bonds = grid * torch.roll(grid, 1, 1) + grid * torch.roll(grid, 1, 2)
        return -bonds.sum((1, 2))

    if WORK == "train":
        parameters = [*layers.parameters(), *units.parameters()]
        optimiser = torch.optim.Adam(parameters, 1e-3)
        beta = 0.44068679350977

        def step():
            with torch.no_grad():
                x = draw([layer.masked() for layer in layers])
            optimiser.zero_grad()
            log_q = log_prob(x, [layer.masked() for layer in layers])
            with torch.no_grad():
                loss = log_q + beta * energy(x)
            ((loss - loss.mean()) * log_q).mean().backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimiser.step()

        return step

    torch.set_grad_enabled(False)
    weights = [layer.masked() for layer in layers]
    rows = torch.randint(0, 2, (BATCH, sites)).float() * 2 - 1
    return {"sample": lambda: draw(weights), "log_prob": lambda: log_prob(rows, weights)}[WORK]


def pixelcnn():
    """The PixelCNN of the same authors: masked convolutions with leaky units, all of them anew at each site."""
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    torch.set_grad_enabled(False)
    size, depth, channels, half = CONVOLUTIONS[MODEL]
    widths = [1] + [channels] * (depth - 1) + [1]
    kernel = 2 * half + 1
    weights, biases = [], []
    for k, (below, above) in enumerate(zip(widths, widths[1:])):
        mask = torch.ones(kernel, kernel)
        mask[half, half + (k > 0) :] = 0
        mask[half + 1 :] = 0
        # The masks are folded into the weights beforehand, as above.
        weights.append(torch.randn(above, below, kernel, kernel) * mask * 0.05)
        biases.append(torch.randn(above) * 0.05)
    slopes = [torch.full((width,), 0.5) for width in widths[1:-1]]

    def conditionals(x):
        for k, (weight, bias) in enumerate(zip(weights, biases)):
            x = torch.nn.functional.conv2d(x, weight, bias, padding=half)
            if k < len(slopes):
                x = torch.nn.functional.prelu(x, slopes[k])
        return torch.sigmoid(x)

    def log_prob(x):
        up = conditionals(x)
        return torch.log(torch.where(x > 0, up, 1 - up) + 1e-7).sum((1, 2, 3))

    def draw():
        x = torch.zeros(BATCH, 1, size, size)
        for i in range(size):
            for j in range(size):
                x[:, :, i, j] = torch.bernoulli(conditionals(x)[:, :, i, j]) * 2 - 1
        return x

    rows = torch.randint(0, 2, (BATCH, 1, size, size)).float() * 2 - 1
    return {"sample": draw, "log_prob": lambda: log_prob(rows)}[WORK]


def zuko():
    """The same flow in zuko (torch, eager)."""
    import torch
    import zuko

    torch.manual_seed(0)
    torch.set_num_threads(THREADS)
    dim, layers, hidden = FLOWS[MODEL]
    common = {"transforms": layers, "hidden_features": hidden}
    flow = {
        "nsf": lambda: zuko.flows.NSF(dim, bins=BINS, passes=2, **common),
        "realnvp": lambda: zuko.flows.RealNVP(dim, **common),
        "maf": lambda: zuko.flows.MAF(dim, **common),
    }[MODEL.split("-")[0]]()
    rows = torch.randn(BATCH, dim)
    if WORK == "train":
        optimiser = torch.optim.Adam(flow.parameters(), 1e-3)

        def step():
            optimiser.zero_grad()
            (-flow().log_prob(rows).mean()).backward()
            optimiser.step()

        return step

    torch.set_grad_enabled(False)
    density = flow()
    return {
        "log_prob": lambda: density.log_prob(rows),
        "sample+log_prob": lambda: density.rsample_and_log_prob((BATCH,)),
    }[WORK]


def flowjax():
    """The same flow in flowjax, compiled by XLA."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp
    import optax
    import paramax
    from flowjax.bijections import RationalQuadraticSpline
    from flowjax.distributions import Normal
    from flowjax.flows import coupling_flow, masked_autoregressive_flow

    dim, layers, hidden = FLOWS[MODEL]
    common = {
        "base_dist": Normal(jnp.zeros(dim)),
        "flow_layers": layers,
        "nn_width": hidden[0],
        "nn_depth": len(hidden),
    }
    key = jax.random.key(0)
    # flowjax counts inner knots: one fewer than bins.
    spline = RationalQuadraticSpline(knots=BINS - 1, interval=BOUND)
    flow = {
        "nsf": lambda: coupling_flow(key, transformer=spline, **common),
        "realnvp": lambda: coupling_flow(key, **common),
        "maf": lambda: masked_autoregressive_flow(key, **common),
    }[MODEL.split("-")[0]]()
    rows = jax.random.normal(jax.random.key(1), (BATCH, dim))
    if WORK == "train":
        parameters, static = eqx.partition(
            flow,
            eqx.is_inexact_array,
            is_leaf=lambda leaf: isinstance(leaf, paramax.NonTrainable),
        )
        optimiser = optax.adam(1e-3)
        state = [parameters, optimiser.init(parameters)]

        @eqx.filter_jit
        def update(parameters, moments, rows):
            def loss(parameters):
                model = paramax.unwrap(eqx.combine(parameters, static))
                return -model.log_prob(rows).mean()

            value, gradient = eqx.filter_value_and_grad(loss)(parameters)
            change, moments = optimiser.update(gradient, moments, parameters)
            return eqx.apply_updates(parameters, change), moments, value

        def step():
            state[0], state[1], value = update(*state, rows)
            value.block_until_ready()

        return step

    score = eqx.filter_jit(lambda flow, rows: flow.log_prob(rows))
    draw = eqx.filter_jit(lambda flow, key: flow.sample_and_log_prob(key, (BATCH,)))
    return {
        "log_prob": lambda: score(flow, rows).block_until_ready(),
        "sample+log_prob": lambda: draw(flow, key)[1].block_until_ready(),
    }[WORK]


def main():
    torch_model = pixelcnn if MODEL in CONVOLUTIONS else van
    run = {"torch": torch_model, "zuko": zuko, "flowjax": flowjax}[PEER]()
    run()
    print("ready", flush=True)
    for line in sys.stdin:
        wall, cpu, end = [], [], time.perf_counter() + float(line)
        while not wall or time.perf_counter() < end:
            start, busy = time.perf_counter(), time.process_time()
            run()
            cpu.append(time.process_time() - busy)
            wall.append(time.perf_counter() - start)
        print(json.dumps({"seconds": min(wall), "cpu_seconds": min(cpu)}), flush=True)


main()
