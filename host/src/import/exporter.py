

# What the exporters of all libraries share.

UNITS = {"relu": "ReLU", "tanh": "Tanh", "elu": "ELU", "silu": "SiLU", "gelu": "GELU"}


def detached(module):
    """The tensors of a module, by their names."""
    return {key: value.detach().clone() for key, value in module.state_dict().items()}


def embedded(embedding, state):
    """Puts the layers of an embedding network into the state, and what they are into lines of TOML."""
    lines = []
    for k, layer in enumerate(flat(embedding)):
        lines += ["", "[[embedding]]", f'kind = "{type(layer).__name__}"']
        for key, value in detached(layer).items():
            # sbi's Standardize keeps `_mean` and `_std`.
            state[f"embedding.{k}.{key.lstrip('_')}"] = value
    return lines


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
    return module


def given(context, rows, n):
    """Contexts in single precision, one for each of n rows that are to be drawn."""
    if context is None:
        return None
    context = torch.as_tensor(context, dtype=torch.float32)
    context = context.reshape(len(context), -1)
    return context if rows is not None else context[torch.arange(n) % len(context)]


def spline(kind, transform, net):
    """What the tensors of a spline of nflows or normflows do not say."""
    for floor in ("min_bin_width", "min_bin_height", "min_derivative"):
        if getattr(transform, floor) != 1e-3:
            raise ValueError(f"{kind}.{floor} is {getattr(transform, floor)}, expected 0.001")
    tails = "each" if isinstance(transform.tails, (list, tuple)) else transform.tails or "none"
    bound = transform.tail_bound
    bounds = set(bound.reshape(-1).tolist()) if isinstance(bound, torch.Tensor) else {bound}
    if len(bounds) != 1:
        raise ValueError(f"{kind}.tail_bound is {bound}, expected one bound of all coordinates")
    lines = [f'tails = "{tails}"', f"bound = {float(bounds.pop())!r}"]
    if hasattr(net, "hidden_features"):
        lines.append(f"hidden_features = {net.hidden_features}")
    return lines


def activation(kind, net):
    """The units of a network whose layers keep what they are in `activation`."""
    angles = [layer for layer in net.modules() if type(layer).__name__ == "PeriodicFeaturesElementwise"]
    for layer in angles:
        if layer.apply_bias or not isinstance(layer.activation, torch.nn.Identity):
            raise ValueError(f"{kind}: {type(layer).__name__} with a bias or an activation has no counterpart")
    layers = [layer for layer in net.modules() if layer not in angles]
    units = [layer.activation for layer in layers if hasattr(layer, "activation")]
    names = {getattr(unit, "__name__", type(unit).__name__) for unit in units}
    if len(names) != 1:
        raise ValueError(f"{kind}: a network of several kinds of units, or of none: {sorted(names)}")
    name = names.pop()
    return f'activation = "{UNITS.get(name, name)}"'


def write(name, library, version, settings, state, context, rows, log_prob, single):
    """Writes both files: tensors, and rows with their log-densities in double and in single precision."""
    state["pushforward.rows"] = rows
    state["pushforward.log_prob"] = log_prob.double()
    state["pushforward.log_prob_single"] = single.float()
    if context is not None:
        state["pushforward.context"] = context
    save_file({key: value.contiguous() for key, value in state.items()}, f"{name}.safetensors")
    head = [
        f'library = "{library}"',
        f'version = "{version}"',
        f"features = {rows.shape[-1]}",
        f"context = {0 if context is None else context.shape[-1]}",
    ]
    with open(f"{name}.toml", "w") as file:
        file.write("\n".join(head + settings) + "\n")
