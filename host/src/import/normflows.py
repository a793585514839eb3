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

UNITS = {"relu": "ReLU", "tanh": "Tanh", "elu": "ELU", "silu": "SiLU", "gelu": "GELU"}


def export(flow, name, context=None, rows=None, n=32, seed=0):
    """Writes `name`.safetensors and `name`.toml.

    flow: a NormalizingFlow or a ConditionalNormalizingFlow.
    context: contexts, [n, C], of a conditional flow.
    rows: rows to check the import by, [n, D]; drawn from the flow if not given.
    """
    flow = copy.deepcopy(flow).cpu().eval()
    base = type(flow.q0).__name__
    if base not in ("DiagGaussian", "GaussianMixture"):
        raise ValueError(f"the base is {base}, expected DiagGaussian or GaussianMixture")
    state = {
        key: value.detach().clone()
        for key, value in flow.state_dict().items()
        if not key.startswith("p.")
    }
    settings = []
    for k in reversed(range(len(flow.flows))):
        for path, part in flat(flow.flows[k], f"flows.{k}"):
            more = described(part)
            if type(part).__name__ == "Permute" and part.mode == "swap":
                # A swap stores nothing; the settings' permutation is a shuffle.
                size = part.num_channels
                state[f"{path}.perm"] = part(torch.arange(size)[None])[0][0]
                state[f"{path}.inv_perm"] = torch.argsort(state[f"{path}.perm"])
            settings += ["", "[[transforms]]", f'path = "{path}"'] + more

    torch.manual_seed(seed)
    single, flow = copy.deepcopy(flow), flow.double()
    with torch.no_grad():
        given, in_single = [], []
        if context is not None:
            context = torch.as_tensor(context, dtype=torch.float32)
            if rows is None:
                context = context[torch.arange(n) % len(context)]
            given, in_single = [context.double()], [context]
        drawn = flow.sample(n, *given)[0] if rows is None else rows
        drawn = torch.as_tensor(drawn, dtype=torch.float32)
        log_prob = flow.log_prob(drawn.double(), *given)
        in_single = single.log_prob(drawn, *in_single)
    state["pushforward.rows"] = drawn
    state["pushforward.log_prob"] = log_prob.double()
    state["pushforward.log_prob_single"] = in_single.float()
    if context is not None:
        state["pushforward.context"] = context
    save_file({key: value.contiguous() for key, value in state.items()}, f"{name}.safetensors")
    head = [
        'library = "normflows"',
        f'version = "{version("normflows")}"',
        f"features = {drawn.shape[-1]}",
        f"context = {0 if context is None else context.shape[-1]}",
    ]
    with open(f"{name}.toml", "w") as file:
        file.write("\n".join(head + settings) + "\n")


def flat(part, path):
    """The parts of a composition, the last one first, each with the beginning of its tensors' names."""
    if type(part).__name__ == "Composite":
        for k in reversed(range(len(part._flows))):
            yield from flat(part._flows[k], f"{path}._flows.{k}")
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
        for floor in ("min_bin_width", "min_bin_height", "min_derivative"):
            if getattr(inner, floor) != 1e-3:
                raise ValueError(f"{kind}.{floor} is {getattr(inner, floor)}, expected 0.001")
        lines.append(f'tails = "{inner.tails or "none"}"')
        lines.append(f"bound = {float(inner.tail_bound)!r}")
        if hasattr(net, "hidden_features"):
            lines.append(f"hidden_features = {net.hidden_features}")
    units = [layer.activation for layer in net.modules() if hasattr(layer, "activation")]
    names = {getattr(unit, "__name__", type(unit).__name__) for unit in units}
    if len(names) != 1:
        raise ValueError(f"{kind}: a network of several kinds of units, or of none: {sorted(names)}")
    name = names.pop()
    return lines + [f'activation = "{UNITS.get(name, name)}"']


def mlp(net):
    """The units of an MLP: leaky ones, of a slope."""
    layers = list(net.net)
    slopes = {layer.negative_slope for layer in layers if isinstance(layer, torch.nn.LeakyReLU)}
    others = [layer for layer in layers if not isinstance(layer, (torch.nn.Linear, torch.nn.LeakyReLU))]
    if others or len(slopes) > 1:
        raise ValueError(f"an MLP with {others or sorted(slopes)} has no counterpart")
    return ['activation = "LeakyReLU"', f"leaky = {float(slopes.pop() if slopes else 0.0)!r}"]
