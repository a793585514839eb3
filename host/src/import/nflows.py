"""Writes an nflows flow as `pushforward import nflows` reads it: NAME.safetensors and NAME.toml.

    from export_nflows import export
    export(flow, "flow")                        # an nflows flow without context
    export(flow, "flow", context=contexts)      # with one: contexts such as it was trained with, [n, C]
    export(estimator, "posterior", context=xs)  # an estimator of sbi (maf, nsf, ...): xs as given to it

Then:  pushforward import nflows flow.safetensors -o model.safetensors

Beside the state dict go rows of the flow with their log-densities, computed in double precision, by
which the import is checked, and in single precision, which tells how far off 32 bits are. Needs torch,
nflows 0.14 and safetensors.
"""

import copy
import math
from importlib.metadata import version

import torch
from safetensors.torch import save_file

UNITS = {"relu": "ReLU", "tanh": "Tanh", "elu": "ELU", "silu": "SiLU", "gelu": "GELU"}


def export(flow, name, context=None, rows=None, n=32, seed=0):
    """Writes `name`.safetensors and `name`.toml.

    flow: an nflows flow, or an sbi estimator that wraps one (it has `.net`).
    context: contexts, [n, C], of a conditional flow, as its user gives them.
    rows: rows to check the import by, [n, D]; drawn from the flow if not given.
    """
    flow = copy.deepcopy(getattr(flow, "net", flow)).cpu().eval()
    state = {
        key: value.detach().clone()
        for key, value in flow.state_dict().items()
        if not key.startswith("_embedding_net.")
    }
    settings = []
    for k, layer in enumerate(flat(flow._embedding_net)):
        settings += ["", "[[embedding]]", f'kind = "{type(layer).__name__}"']
        for key, value in layer.state_dict().items():
            # sbi's Standardize keeps `_mean` and `_std`.
            state[f"embedding.{k}.{key.lstrip('_')}"] = value.detach().clone()
    for path, transform in transforms(flow._transform, "_transform"):
        settings += ["", "[[transforms]]", f'path = "{path}"'] + described(transform)
    base = type(flow._distribution).__name__
    if base not in ("StandardNormal", "DiagonalNormal"):
        raise ValueError(f"the base is {base}, expected StandardNormal or DiagonalNormal")

    torch.manual_seed(seed)
    single, flow = copy.deepcopy(flow), doubled(flow)
    with torch.no_grad():
        if context is None:
            drawn = flow.sample(n) if rows is None else rows
        else:
            context = torch.as_tensor(context, dtype=torch.float32)
            context = context.reshape(len(context), -1)
            if rows is None:
                context = context[torch.arange(n) % len(context)]
                drawn = flow.sample(1, context=context.double()).squeeze(1)
            else:
                drawn = rows
        drawn = torch.as_tensor(drawn, dtype=torch.float32)
        given = None if context is None else context.double()
        log_prob = flow.log_prob(drawn.double(), context=given)
        in_single = single.log_prob(drawn, context=context)
    state["pushforward.rows"] = drawn
    state["pushforward.log_prob"] = log_prob.double()
    state["pushforward.log_prob_single"] = in_single.float()
    if context is not None:
        state["pushforward.context"] = context
    save_file({key: value.contiguous() for key, value in state.items()}, f"{name}.safetensors")
    head = [
        'library = "nflows"',
        f'version = "{version("nflows")}"',
        f"features = {drawn.shape[-1]}",
        f"context = {0 if context is None else context.shape[-1]}",
    ]
    with open(f"{name}.toml", "w") as file:
        file.write("\n".join(head + settings) + "\n")


def transforms(transform, path):
    """The transforms that a composition is made of, each with the beginning of its tensors' names."""
    if hasattr(transform, "_transforms"):
        for k, part in enumerate(transform._transforms):
            yield from transforms(part, f"{path}._transforms.{k}")
    elif type(transform).__name__ != "IdentityTransform":
        yield path, transform


def flat(module):
    """The layers of nested sequences."""
    if isinstance(module, torch.nn.Sequential):
        for part in module:
            yield from flat(part)
    elif not isinstance(module, torch.nn.Identity):
        yield module


def doubled(module):
    """In double precision, also what is kept beside the buffers."""
    module = module.double()
    for part in module.modules():
        for name in ("mean", "std", "_log_z"):
            if isinstance(getattr(part, name, None), torch.Tensor):
                setattr(part, name, getattr(part, name).double())
    # A constant, which sbi rounds to single precision with everything else.
    base = module._distribution
    if hasattr(base, "_log_z"):
        base._log_z.fill_(0.5 * base._shape.numel() * math.log(2 * math.pi))
    return module


def described(transform):
    """What a transform's tensors do not say, as lines of TOML."""
    kind = type(transform).__name__
    lines = [f'kind = "{kind}"']
    net = getattr(transform, "transform_net", getattr(transform, "autoregressive_net", None))
    if net is None:
        return lines
    if kind == "AffineCouplingTransform":
        general = getattr(transform, "GENERAL_SCALE_ACTIVATION", None)
        used = getattr(transform, "scale_activation", None)
        lines.append(f'scale = "{"general" if used is not None and used is general else "sigmoid"}"')
    if hasattr(transform, "num_bins"):
        for floor in ("min_bin_width", "min_bin_height", "min_derivative"):
            if getattr(transform, floor) != 1e-3:
                raise ValueError(f"{kind}.{floor} is {getattr(transform, floor)}, expected 0.001")
        lines.append(f'tails = "{transform.tails or "none"}"')
        lines.append(f"bound = {float(transform.tail_bound)!r}")
        if hasattr(net, "hidden_features"):
            lines.append(f"hidden_features = {net.hidden_features}")
    units = [part.activation for part in net.modules() if hasattr(part, "activation")]
    names = {getattr(unit, "__name__", type(unit).__name__) for unit in units}
    if len(names) != 1:
        raise ValueError(f"{kind}: a network of several kinds of units, or of none: {sorted(names)}")
    name = names.pop()
    lines.append(f'activation = "{UNITS.get(name, name)}"')
    return lines
