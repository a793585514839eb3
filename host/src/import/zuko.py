"""Writes a zuko flow as `pushforward import zuko` reads it: NAME.safetensors and NAME.toml.

    from export_zuko import export
    export(flow, "flow")                        # a zuko flow without context
    export(flow, "flow", context=contexts)      # with one: contexts such as it was trained with, [n, C]
    export(estimator, "posterior", context=xs)  # an estimator of sbi (zuko_maf, zuko_nsf, ...): xs as given to it

Then:  pushforward import zuko flow.safetensors -o model.safetensors

Beside the state dict go rows of the flow with their log-densities, computed in double precision, by
which the import is checked, and in single precision, which tells how far off 32 bits are. Needs torch, zuko 1.0 or later and safetensors.
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
    state = {key: value.detach().clone() for key, value in net.state_dict().items()}
    settings, layers = [], list(flat(embedding))
    for k, layer in enumerate(layers):
        settings += ["", "[[embedding]]", f'kind = "{type(layer).__name__}"']
        for key, value in layer.state_dict().items():
            # sbi's Standardize keeps `_mean` and `_std`.
            state[f"embedding.{k}.{key.lstrip('_')}"] = value.detach().clone()
    for transform in transforms(net):
        settings += ["", "[[transforms]]"] + described(transform)

    torch.manual_seed(seed)
    single = [copy.deepcopy(part) for part in (net, embedding)]
    net, embedding = net.double(), doubled(embedding)
    with torch.no_grad():
        if context is None:
            features = net().sample((1,)).shape[-1]
            drawn = net().sample((n,)) if rows is None else rows
            given = None
        else:
            context = torch.as_tensor(context, dtype=torch.float32)
            context = context.reshape(len(context), -1)
            if rows is None:
                context = context[torch.arange(n) % len(context)]
            given = embedding(context.double())
            drawn = net(given).sample() if rows is None else rows
            features = drawn.shape[-1]
        drawn = torch.as_tensor(drawn, dtype=torch.float32)
        distribution = net() if given is None else net(given)
        log_prob = distribution.log_prob(drawn.double())
        distribution = single[0]() if given is None else single[0](single[1](context))
        in_single = distribution.log_prob(drawn)
    state["pushforward.rows"] = drawn
    state["pushforward.log_prob"] = log_prob.double()
    state["pushforward.log_prob_single"] = in_single.float()
    if context is not None:
        state["pushforward.context"] = context
    save_file({key: value.contiguous() for key, value in state.items()}, f"{name}.safetensors")
    head = [
        'library = "zuko"',
        f'version = "{zuko.__version__}"',
        f"features = {features}",
        f"context = {0 if context is None else context.shape[-1]}",
    ]
    with open(f"{name}.toml", "w") as file:
        file.write("\n".join(head + settings) + "\n")


def transforms(net):
    """The lazy transforms of a flow, in the order of their numbers."""
    inner = net.transform
    return list(inner.transforms) if hasattr(inner, "transforms") else [inner]


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
        for name in ("mean", "std"):
            if isinstance(getattr(part, name, None), torch.Tensor):
                setattr(part, name, getattr(part, name).double())
    return module


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
    layers = list(getattr(transform, "hyper", []))
    units = {type(layer).__name__ for layer in layers if not list(layer.parameters())}
    if len(units) > 1:
        raise ValueError(f"a network of several kinds of units: {sorted(units)}")
    if units:
        lines.append(f'activation = "{units.pop()}"')
    return lines
