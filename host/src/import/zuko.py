"""Writes a zuko flow as `pushforward import zuko` reads it: NAME.safetensors and NAME.toml.

    from export_zuko import export
    export(flow, "flow")                        # a zuko flow without context
    export(flow, "flow", context=contexts)      # with one: contexts such as it was trained with, [n, C]
    export(estimator, "posterior", context=xs)  # an estimator of sbi (zuko_maf, zuko_nsf, ...): xs as given to it

Then:  pushforward import zuko flow.safetensors -o model.safetensors

Beside the state dict go rows of the flow with their log-densities, computed in double precision, by
which the import is checked, and in single precision, which tells how far off 32 bits are. Needs torch,
zuko 1.0 or later and safetensors.
"""

import copy
import inspect
from functools import partial

import torch
import zuko
from safetensors.torch import save_file


def export(flow, name, context=None, rows=None, n=32, seed=0):
    """Writes `name`.safetensors and `name`.toml.

    flow: a zuko flow, or an sbi estimator that wraps one (it has `.net` and `.embedding_net`).
    context: contexts, [n, C], of a conditional flow, as its user gives them.
    rows: rows to check the import by, [n, D]; drawn from the flow if not given.
    """
    net, embedding = flow, torch.nn.Identity()
    if hasattr(flow, "embedding_net"):
        net, embedding = flow.net, flow.embedding_net
    net, embedding = (copy.deepcopy(part).cpu().eval() for part in (net, embedding))
    state = detached(net)
    settings = embedded(embedding, state)
    for transform in transforms(net):
        settings += ["", "[[transforms]]"] + described(transform)
    settings += base(net)

    torch.manual_seed(seed)
    single = [copy.deepcopy(part) for part in (net, embedding)]
    net, embedding = net.double(), doubled(embedding)
    context = given(context, rows, n)
    with torch.no_grad():
        if context is None:
            distribution, in_single = net(), single[0]()
            drawn = distribution.sample((n,)) if rows is None else rows
        else:
            distribution = net(embedding(context.double()))
            in_single = single[0](single[1](context))
            drawn = distribution.sample() if rows is None else rows
        drawn = torch.as_tensor(drawn, dtype=torch.float32)
        log_prob = distribution.log_prob(drawn.double())
        in_single = in_single.log_prob(drawn)
    version = zuko.__version__
    write(name, "zuko", version, settings, state, context, drawn, log_prob, in_single)


def transforms(net):
    """The lazy transforms of a flow, in the order of their numbers."""
    if not hasattr(net, "transform"):
        return []
    inner = net.transform
    return list(inner.transforms) if hasattr(inner, "transforms") else [inner]


def base(net):
    """What the tensors of a mixture do not say, as lines of TOML."""
    mixture = getattr(net, "base", net)
    if type(mixture).__name__ != "GMM":
        return []
    if mixture.covariance_type == "full":
        raise ValueError("GMM: covariance_type is full, expected diagonal or spherical")
    return ["", "[base]", f"epsilon = {float(mixture.epsilon)!r}"]


def described(transform):
    """What a transform's tensors do not say, as lines of TOML."""
    if hasattr(transform, "f"):
        return [f'kind = "{transform.f.__name__}"']
    lines = [f'kind = "{type(transform).__name__}"']
    if not hasattr(transform, "univariate"):
        return lines
    univariate, given = transform.univariate, {}
    if isinstance(univariate, partial):
        univariate, given = univariate.func, univariate.keywords
    lines.append(f'univariate = "{univariate.__name__}"')
    for argument in ("bound", "slope"):
        value = given.get(argument)
        known = inspect.signature(univariate).parameters.get(argument)
        if value is None and known is not None:
            value = known.default
        if value is not None:
            lines.append(f"{argument} = {float(value)!r}")
    layers = transform.hyper.modules() if hasattr(transform, "hyper") else []
    # Those of residual blocks are inside.
    without = (layer for layer in layers if not list(layer.parameters()) and not list(layer.children()))
    units = {type(layer).__name__ for layer in without}
    if len(units) > 1:
        raise ValueError(f"a network of several kinds of units: {sorted(units)}")
    if units:
        lines.append(f'activation = "{units.pop()}"')
    return lines
