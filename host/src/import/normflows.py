"""Writes a normflows flow as `pushforward import normflows` reads it: NAME.safetensors and NAME.toml.

    from export_normflows import export
    export(flow, "flow")                        # a NormalizingFlow
    export(flow, "flow", context=contexts)      # a ConditionalNormalizingFlow: contexts such as it was
                                                # trained with, [n, C]

Then:  pushforward import normflows flow.safetensors -o model.safetensors

Beside the state dict go rows of the flow with their log-densities, computed in double precision, by
which the import is checked, and in single precision, which tells how far off 32 bits are. Needs torch,
normflows 1.7 and safetensors.
"""

import copy
from importlib.metadata import version

import torch
from safetensors.torch import save_file


def export(flow, name, context=None, rows=None, n=32, seed=0):
    """Writes `name`.safetensors and `name`.toml.

    flow: a NormalizingFlow or a ConditionalNormalizingFlow.
    context: contexts, [n, C], of a conditional flow.
    rows: rows to check the import by, [n, D]; drawn from the flow if not given.
    """
    flow = copy.deepcopy(flow).cpu().eval()
    base = type(flow.q0).__name__
    if base not in ("DiagGaussian", "GaussianMixture", "UniformGaussian"):
        raise ValueError(f"the base is {base}, expected DiagGaussian, GaussianMixture or UniformGaussian")
    state = {key: value for key, value in detached(flow).items() if not key.startswith("p.")}
    settings = []
    for k in reversed(range(len(flow.flows))):
        for path, part in parts(flow.flows[k], f"flows.{k}"):
            more = described(part)
            if type(part).__name__ == "Permute" and part.mode == "swap":
                # A swap stores nothing; the settings' permutation is a shuffle.
                size = part.num_channels
                state[f"{path}.perm"] = part(torch.arange(size)[None])[0][0]
                state[f"{path}.inv_perm"] = torch.argsort(state[f"{path}.perm"])
            settings += ["", "[[transforms]]", f'path = "{path}"'] + more

    torch.manual_seed(seed)
    single, flow = copy.deepcopy(flow), flow.double()
    context = given(context, rows, n)
    wide, narrow = ([], []) if context is None else ([context.double()], [context])
    with torch.no_grad():
        drawn = flow.sample(n, *wide)[0] if rows is None else rows
        drawn = torch.as_tensor(drawn, dtype=torch.float32)
        if base == "UniformGaussian" and rows is None:
            # In 32 bits, and in theirs, a circle's end may be a rounding further out.
            ends = 0.5 * flow.q0.scale[flow.q0.ind].float()
            drawn[:, flow.q0.ind] = drawn[:, flow.q0.ind].clamp(-ends, ends)
        log_prob = flow.log_prob(drawn.double(), *wide)
        in_single = single.log_prob(drawn, *narrow)
    release = version("normflows")
    write(name, "normflows", release, settings, state, context, drawn, log_prob, in_single)


def parts(part, path):
    """The parts of a composition, the last one first, each with the beginning of its tensors' names."""
    if type(part).__name__ == "Composite":
        for k in reversed(range(len(part._flows))):
            yield from parts(part._flows[k], f"{path}._flows.{k}")
    else:
        yield path, part


def described(part):
    """What a part's tensors do not say, as lines of TOML."""
    kind = type(part).__name__
    lines = [f'kind = "{kind}"']
    if kind == "AffineCouplingBlock":
        if part.flows[0].mode != "channel":
            raise ValueError(f"{kind}: split mode {part.flows[0].mode}, expected channel")
        coupling = part.flows[1]
        lines.append(f'scale = "{coupling.scale_map if coupling.scale else "none"}"')
        return lines + mlp(coupling.param_map)
    if kind == "MaskedAffineFlow":
        nets = [getattr(part, name) for name in "st" if isinstance(getattr(part, name), torch.nn.Module)]
        found = {tuple(mlp(net)) for net in nets}
        if len(found) != 1:
            raise ValueError(f"{kind}: networks of different units")
        return lines + list(found.pop())
    inner = getattr(part, "prqct", getattr(part, "mprqat", part))
    net = getattr(inner, "transform_net", getattr(inner, "autoregressive_net", None))
    if net is None:
        return lines
    if hasattr(inner, "num_bins"):
        lines += spline(kind, inner, net)
    if isinstance(getattr(inner, "tails", None), (list, tuple)):
        lines.append(f"circular = {circular(inner)}")
    return lines + [activation(kind, net)]


def circular(spline):
    """The coordinates that are angles, of a spline whose tails are a list."""
    own = getattr(spline, "unconditional_transform", None)
    if own is None:
        return [d for d, tails in enumerate(spline.tails) if tails == "circular"]
    both = [(spline.transform_features, spline.tails), (spline.identity_features, own.tails)]
    pairs = [(int(d), tails) for features, each in both for d, tails in zip(features, each)]
    return sorted(d for d, tails in pairs if tails == "circular")


def mlp(net):
    """The units of an MLP: leaky ones, of a slope."""
    layers = list(net.net)
    slopes = {layer.negative_slope for layer in layers if isinstance(layer, torch.nn.LeakyReLU)}
    others = [layer for layer in layers if not isinstance(layer, (torch.nn.Linear, torch.nn.LeakyReLU))]
    if others or len(slopes) > 1:
        raise ValueError(f"an MLP with {others or sorted(slopes)} has no counterpart")
    return ['activation = "LeakyReLU"', f"leaky = {float(slopes.pop() if slopes else 0.0)!r}"]
