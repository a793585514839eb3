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


def export(flow, name, context=None, rows=None, n=32, seed=0):
    """Writes `name`.safetensors and `name`.toml.

    flow: an nflows flow, or an sbi estimator that wraps one (it has `.net`).
    context: contexts, [n, C], of a conditional flow, as its user gives them.
    rows: rows to check the import by, [n, D]; drawn from the flow if not given.
    """
    flow = copy.deepcopy(getattr(flow, "net", flow)).cpu().eval()
    state = {k: v for k, v in detached(flow).items() if not k.startswith("_embedding_net.")}
    settings = embedded(flow._embedding_net, state)
    for path, transform in transforms(flow._transform, "_transform"):
        settings += ["", "[[transforms]]", f'path = "{path}"'] + described(transform)
    base = type(flow._distribution).__name__
    if base not in ("StandardNormal", "DiagonalNormal"):
        raise ValueError(f"the base is {base}, expected StandardNormal or DiagonalNormal")

    torch.manual_seed(seed)
    single, flow = copy.deepcopy(flow), doubled(flow)
    if hasattr(flow._distribution, "_log_z"):
        # A constant, which sbi rounds to single precision with everything else.
        size = flow._distribution._shape.numel()
        flow._distribution._log_z.fill_(0.5 * size * math.log(2 * math.pi))
    context = given(context, rows, n)
    wide = None if context is None else context.double()
    with torch.no_grad():
        drawn = rows
        if rows is None:
            drawn = flow.sample(n) if wide is None else flow.sample(1, context=wide).squeeze(1)
        drawn = torch.as_tensor(drawn, dtype=torch.float32)
        log_prob = flow.log_prob(drawn.double(), context=wide)
        in_single = single.log_prob(drawn, context=context)
    write(name, "nflows", version("nflows"), settings, state, context, drawn, log_prob, in_single)


def transforms(transform, path):
    """The transforms that a composition is made of, each with the beginning of its tensors' names."""
    if hasattr(transform, "_transforms"):
        for k, part in enumerate(transform._transforms):
            yield from transforms(part, f"{path}._transforms.{k}")
    elif type(transform).__name__ != "IdentityTransform":
        yield path, transform


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
        lines += spline(kind, transform, net)
    return lines + [activation(kind, net)]
