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
            # In single precision: nflows draws noise in no other.
            drawn = single.sample(n) if context is None else single.sample(1, context=context).squeeze(1)
        drawn = torch.as_tensor(drawn, dtype=torch.float32)
        in_single = single.log_prob(drawn, context=context)
        parts = list(transforms(flow._transform, "_transform"))
        shapes = [shape_of(transform) for _, transform, _ in parts]
        log_prob = flow.log_prob(drawn.double(), context=wide)
    # Images are rows of their pixels, channel by channel.
    drawn = drawn.reshape(len(drawn), -1)
    for (path, transform, first), [shape] in zip(parts, shapes):
        settings += ["", "[[transforms]]", f'path = "{path}"']
        if first > 0:
            settings.append(f"range = {[first, drawn.shape[1]]}")
        settings += described(transform, path, shape, state)
    write(name, "nflows", version("nflows"), settings, state, context, drawn, log_prob, in_single)


def transforms(transform, path, first=0):
    """The transforms that a composition is made of, each with the beginning of its tensors' names and the
    first coordinate that it moves: of several scales each leaves its part of the coordinates, the first ones,
    to the base."""
    kind = type(transform).__name__
    if hasattr(transform, "_transforms"):
        scales = kind == "MultiscaleCompositeTransform"
        if scales and transform._split_dim != 1:
            raise ValueError(f"{kind}: split_dim is {transform._split_dim}, expected 1, parts side by side")
        for k, part in enumerate(transform._transforms):
            yield from transforms(part, f"{path}._transforms.{k}", first)
            first += math.prod(transform._output_shapes[k]) if scales else 0
    elif kind not in ("IdentityTransform", "ReshapeTransform"):
        yield path, transform, first


def shape_of(transform):
    """A list that is given the shape of what the transform moves, once it does."""
    shapes = []
    transform.register_forward_pre_hook(lambda _, inputs: shapes.append(list(inputs[0].shape[1:])))
    return shapes


def described(transform, path, shape, state):
    """What a transform's tensors do not say, as lines of TOML."""
    kind = type(transform).__name__
    lines = [f'kind = "{kind}"']
    if len(shape) > 1:
        lines.append(f"shape = {shape}")
        if getattr(transform, "_dim", 1) != 1:
            raise ValueError(f"{kind}: dim is {transform._dim}, expected 1, the channels")
        if kind in ("PointwiseAffineTransform", "AffineTransform"):
            for name in ("_shift", "_scale"):
                state[f"{path}.{name}"] = state[f"{path}.{name}"].expand(shape).reshape(-1)
    if hasattr(transform, "factor"):
        lines.append(f"factor = {transform.factor}")
    net = getattr(transform, "transform_net", getattr(transform, "autoregressive_net", None))
    if net is None:
        return lines
    dense(kind, net, f"{path}.transform_net", state)
    if kind == "AffineCouplingTransform":
        general = getattr(transform, "GENERAL_SCALE_ACTIVATION", None)
        used = getattr(transform, "scale_activation", None)
        lines.append(f'scale = "{"general" if used is not None and used is general else "sigmoid"}"')
    if hasattr(transform, "num_bins"):
        lines += spline(kind, transform, net)
    return lines + [activation(kind, net)]


def dense(kind, net, path, state):
    """Where a network is nothing but a way for images to a ResidualNet, the tensors are that one's."""
    if any(isinstance(part, torch.nn.modules.conv._ConvNd) for part in net.modules()):
        raise ValueError(f"{kind}: a convolutional network has no counterpart: networks are dense")
    inner = [name for name, part in net.named_modules() if type(part).__name__ == "ResidualNet"]
    if len(inner) == 1 and inner[0]:
        for key in [key for key in state if key.startswith(f"{path}.{inner[0]}.")]:
            state[path + key.removeprefix(f"{path}.{inner[0]}")] = state.pop(key)
