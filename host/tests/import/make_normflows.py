"""Makes the normflows_*.{safetensors,toml} beside it: flows of random weights.

    pip install -r requirements.txt && python make_normflows.py
"""

import pathlib

import normflows as nf
import torch
from torch.nn import functional as F

from exporter import exporter, seeded

HERE = pathlib.Path(__file__).parent
ANGLES = {"circular": [0, 1, 2], "circular_mixed": [1, 2], "circular_autoregressive": [0, 3]}
export = exporter("normflows")


def flows():
    masked = nf.flows.MaskedAffineAutoregressive
    splines = nf.flows.CoupledRationalQuadraticSpline
    yield "coupled", 4, 0, [splines(4, 2, 9, num_bins=5), nf.flows.LULinearPermute(4), splines(4, 1, 9, reverse_mask=True)]
    given = {"num_context_channels": 2, "activation": torch.nn.SiLU}
    yield "coupled_context", 3, 2, [splines(3, 2, 9, num_bins=4, **given), splines(3, 2, 8, reverse_mask=True, **given)]
    autoregressive = nf.flows.AutoregressiveRationalQuadraticSpline
    yield "autoregressive", 4, 0, [autoregressive(4, 2, 9, permute_mask=True), nf.flows.LULinearPermute(4)]
    yield "mixture", 4, 0, [masked(4, 9, activation=torch.tanh)]
    yield "autoregressive_context", 3, 2, [autoregressive(3, 1, 9, num_bins=6, permute_mask=True, **given)]
    yield "masked", 4, 0, [masked(4, 9, activation=torch.tanh), nf.flows.Permute(4), masked(4, 9, num_blocks=1, activation=F.elu)]
    block = nf.flows.AffineCouplingBlock
    mlp = nf.nets.MLP
    coupled = [
        block(mlp([3, 8, 8, 4])),
        nf.flows.Permute(5, mode="swap"),
        block(mlp([3, 8, 4], leaky=0.1), scale_map="sigmoid_inv"),
        nf.flows.ActNorm(5),
        nf.flows.Permute(5),
        block(mlp([3, 8, 2]), scale=False),
        nf.flows.Permute(5),
        block(mlp([3, 8, 4]), scale_map="sigmoid"),
    ]
    yield "affine", 5, 0, coupled
    dense = nf.flows.InvertibleAffine
    yield "dense", 4, 0, [masked(4, 9), dense(4), block(mlp([2, 6, 4])), dense(4, use_lu=False)]
    b = torch.tensor([1.0, 0.0, 1.0, 0.0])
    net = lambda: mlp([4, 7, 4], leaky=0.2)
    half = nf.flows.MaskedAffineFlow
    # Angles alone, and among real numbers.
    turned = {"num_bins": 4, "tail_bound": float(torch.pi)}
    around = nf.flows.CircularCoupledRationalQuadraticSpline
    yield "circular", 3, 0, [around(3, 2, 9, [0, 1, 2], **turned), around(3, 1, 8, [0, 1, 2], reverse_mask=True, **turned)]
    walked = nf.flows.CircularAutoregressiveRationalQuadraticSpline
    yield "circular_mixed", 4, 2, [around(4, 2, 9, [1, 2], **turned, **given), walked(4, 1, 9, [1, 2], **turned, **given)]
    yield "circular_autoregressive", 4, 0, [walked(4, 2, 9, [0, 3], **turned), walked(4, 1, 8, [0, 3], **turned)]
    yield "realnvp", 4, 0, [half(b, net(), net()), half(1 - b, net(), net()), half(b, net()), nf.flows.AffineConstFlow((4,))]


# What a flow is made of is random too.
seeded()
for name, features, context, parts in flows():
    torch.manual_seed(sum(name.encode()))
    base = nf.distributions.DiagGaussian(features)
    if name == "mixture":
        base = nf.distributions.GaussianMixture(3, features)
    if name.startswith("circular"):
        angles, scale = ANGLES[name], torch.ones(features)
        scale[angles] = 2 * torch.pi
        if name == "circular_mixed":
            scale[[0, 3]] = torch.tensor([0.8, 1.5])
        base = nf.distributions.UniformGaussian(features, angles, scale)
    flow = (nf.ConditionalNormalizingFlow if context else nf.NormalizingFlow)(base, parts)
    with torch.no_grad():
        for parameter in flow.parameters():
            # The scales of half flows are exponentials of what networks say, without a bound; a random matrix may be
            # all but singular.
            parameter.normal_(0, 0.4 if name in ("realnvp", "dense") else 0.7)
        for part in parts:
            if isinstance(part, nf.flows.ActNorm):
                part.data_dep_init_done.fill_(1.0)
    contexts = torch.randn(16, context) if context else None
    rows = torch.randn(16, features)
    if name in ANGLES:
        rows[:, ANGLES[name]] = torch.pi * (2 * torch.rand(16, len(ANGLES[name])) - 1)
    export(flow, str(HERE / f"normflows_{name}"), context=contexts, rows=rows, n=16)
    seeded()
