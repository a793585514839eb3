"""Writes a MADE or a PixelCNN of stat-mech-van as `pushforward import van` reads it: NAME.safetensors and NAME.toml.

    from export_van import export
    net.load_state_dict(torch.load("....state")["net"])     # as its main.py builds it
    export(net, "van")

Then:  pushforward import van van.safetensors -o model.safetensors

Beside the state dict go rows of the network with their log-probabilities, by which the import is checked,
computed in double precision and without the `epsilon` that its `log_prob` adds to each probability, and in
single precision with it. Needs torch, safetensors and stat-mech-van's own modules.
"""

import copy

import torch
from safetensors.torch import save_file


def export(net, name, rows=None, n=32, seed=0):
    """Writes `name`.safetensors and `name`.toml.

    net: a MADE of src_ising or src_hop_sk, or a PixelCNN of src_ising.
    rows: spins to check the import by, [n, sites]; drawn from the network if not given.
    """
    if type(net).__name__ not in ("MADE", "PixelCNN"):
        raise ValueError(f"the network is a {type(net).__name__}, expected MADE or PixelCNN")
    if net.x_hat_clip:
        raise ValueError(f"x_hat_clip is {net.x_hat_clip}, expected none")
    if hasattr(net, "order") and list(net.order) != list(range(net.n)):
        raise ValueError("the sites are drawn in an order of their own, expected ascending")
    net = copy.deepcopy(net).cpu()
    shape = [1, net.L, net.L] if hasattr(net, "L") else [net.n]
    torch.manual_seed(seed)
    with torch.no_grad():
        net.device = "cpu"
        net = net.float()
        drawn = net.sample(n)[0] if rows is None else torch.as_tensor(rows).reshape(-1, *shape)
        in_single = log_probs(net, drawn.float())
        state = detached(net)
        wide = copy.deepcopy(net).double()
        wide.epsilon = 0.0
        log_prob = log_probs(wide, drawn.double())
    settings = [
        f"# Its own log_prob adds {net.epsilon!r} to each probability; the log-probabilities here do not.",
        "[sites]",
        f"z2 = {str(bool(net.z2)).lower()}",
        f"square = {str(hasattr(net, 'L')).lower()}",
    ]
    write(name, "van", "2019", settings, state, None, drawn.reshape(n, -1), log_prob, in_single)


def log_probs(net, rows):
    """As its `log_prob`, which writes into its argument (PyTorch since refuses that)."""
    one = lambda rows: net._log_prob(rows, net(rows))
    if not net.z2:
        return one(rows)
    both = torch.stack([one(rows), one(-rows)])
    return torch.logsumexp(both, dim=0) - torch.tensor(2.0, dtype=rows.dtype).log()
