"""Makes the nflows_*.{safetensors,toml} beside it: flows of random weights, and estimators of sbi.

    pip install -r requirements.txt && python make_nflows.py
"""

import pathlib

import torch
from nflows import transforms as T
from nflows.distributions import DiagonalNormal, StandardNormal
from nflows.flows import Flow
from nflows.nn.nets import ResidualNet
from sbi.neural_nets import posterior_nn

from exporter import exporter, seeded

HERE = pathlib.Path(__file__).parent
export = exporter("nflows")
F = torch.nn.functional


def net(activation=F.relu, context=None):
    return lambda inputs, outputs: ResidualNet(
        inputs, outputs, hidden_features=10, context_features=context, activation=activation
    )


def spline(mask, bins, bound, context=None, own=False, activation=F.relu):
    return T.PiecewiseRationalQuadraticCouplingTransform(
        mask,
        net(activation, context),
        num_bins=bins,
        tails="linear",
        tail_bound=bound,
        apply_unconditional_transform=own,
    )


def maf(features, **kwargs):
    return T.MaskedAffineAutoregressiveTransform(features, hidden_features=11, **kwargs)


def ar_spline(features, **kwargs):
    return T.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
        features, hidden_features=11, num_bins=5, tails="linear", tail_bound=3.0, **kwargs
    )


class Dense(torch.nn.Module):
    """A dense network of images."""

    def __init__(self, channels, outputs, pixels):
        super().__init__()
        self.net = net(torch.tanh)(channels * pixels, outputs * pixels)

    def forward(self, image, context=None):
        return self.net(image.flatten(1), context).reshape(len(image), -1, *image.shape[2:])


def dense(pixels):
    return lambda channels, outputs: Dense(channels, outputs, pixels)


def scales(shape, *steps):
    """A flow of as many scales as there are steps, each of which moves what the ones before have left."""
    whole = T.MultiscaleCompositeTransform(len(steps))
    for step in steps:
        transforms, shape = step(shape)
        shape = whole.add_transform(T.CompositeTransform(transforms), shape)
    return whole


def vectors(shape):
    (n,) = shape
    mask = [d % 2 for d in range(n)]
    affine = T.AffineCouplingTransform(mask, net())
    return [affine, T.LULinear(n, identity_init=False), spline([1 - m for m in mask], 4, 3.0)], shape


def walked(shape):
    return [maf(*shape), T.ReversePermutation(*shape), ar_spline(*shape)], shape


def images(coupling):
    def step(shape):
        channels, height, width = 4 * shape[0], shape[1] // 2, shape[2] // 2
        mask = [c % 2 for c in range(channels)]
        network = dense(height * width)
        steps = [
            T.SqueezeTransform(),
            T.ActNorm(channels),
            T.OneByOneConvolution(channels, identity_init=False),
            coupling(mask, network),
            T.RandomPermutation(channels),
        ]
        return steps, (channels, height, width)

    return step


def splines(mask, network):
    return T.PiecewiseRationalQuadraticCouplingTransform(
        mask, network, num_bins=4, tails="linear", tail_bound=3.0
    )


def flows():
    turned = T.ReversePermutation
    yield "maf", [maf(4), turned(4), maf(4, use_residual_blocks=False, activation=torch.tanh)], 0
    yield "maf_context", [maf(3, context_features=2), turned(3), maf(3, context_features=2)], 2
    forward = {"context_features": 2, "use_residual_blocks": False, "activation": torch.tanh}
    yield "maf_forward_context", [maf(3, **forward), T.RandomPermutation(3), maf(3, **forward)], 2
    yield "ar_spline", [ar_spline(4), turned(4), ar_spline(4, num_blocks=1)], 0
    yield "ar_spline_context", [ar_spline(3, context_features=2, activation=F.elu)], 2
    yield "spline", [spline([1, -1, 1, -1, 1], 6, 4.0), spline([-1, 1, -1, 1, -1], 4, 3.0)], 0
    given = {"context": 3, "activation": F.silu}
    yield "spline_context", [spline([1, 0, 1, 0], 5, 3.0, **given), spline([0, 1, 0, 1], 5, 3.0, **given)], 3
    yield "spline_own", [spline([1, 0, 1, 0], 5, 3.0, own=True), T.LULinear(4, identity_init=False)], 0
    affine = [
        T.AffineCouplingTransform([1, 0, 1, 0, 0], net()),
        T.AdditiveCouplingTransform([0, 1, 0, 1, 1], net(torch.tanh)),
        T.AffineCouplingTransform([0, 0, 1, 0, 1], net(F.gelu, context=2)),
    ]
    yield "affine", affine[:2], 0
    yield "affine_context", affine[2:], 2
    linear = [
        T.PointwiseAffineTransform(torch.randn(4), torch.rand(4) + 0.5),
        T.CompositeTransform([T.LULinear(4, identity_init=False), T.RandomPermutation(4)]),
        T.ActNorm(4),
        T.BatchNorm(4),
    ]
    yield "linear", linear, 0
    yield "scales", [T.RandomPermutation(9), scales((9,), vectors, walked, vectors), turned(9)], 0
    steps = [images(c) for c in (T.AffineCouplingTransform, splines, T.AdditiveCouplingTransform)]
    shift, scale = torch.randn(1, 8, 1), torch.rand(1, 1, 8) + 0.5
    yield "images", [T.PointwiseAffineTransform(shift, scale), scales((1, 8, 8), *steps)], 0


# What a flow is made of is random too.
seeded()
for name, layers, context in flows():
    torch.manual_seed(sum(name.encode()))
    features = 5 if name in ("spline", "affine", "affine_context") else 4
    features = 3 if name in ("maf_context", "maf_forward_context", "ar_spline_context") else features
    features = {"scales": 9, "images": 64}.get(name, features)
    base = DiagonalNormal([features]) if name == "linear" else StandardNormal([features])
    flow = Flow(T.CompositeTransform(layers), base)
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.normal_(0, 0.7)
        if name == "linear":
            layers[2].initialized.fill_(True)
            layers[3].running_mean.normal_()
            layers[3].running_var.uniform_(0.5, 2.0)
        for layer in flow.modules():
            if name == "images" and isinstance(layer, T.ActNorm):
                layer.initialized.fill_(True)
    contexts = torch.randn(16, context) if context else None
    rows = torch.randn(16, features)
    rows = rows.reshape(16, 1, 8, 8) if name == "images" else rows
    export(flow, str(HERE / f"nflows_{name}"), context=contexts, rows=rows, n=16)
    seeded()

# Estimators of sbi, untrained: standardised, one with an embedding network.
for model, embedded in [("maf", False), ("nsf", True)]:
    torch.manual_seed(12)
    theta, x = 2 * torch.randn(500, 3) + 5, 0.1 * torch.randn(500, 6) - 1
    embedding = torch.nn.Identity()
    if embedded:
        embedding = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
    build = posterior_nn(
        model, hidden_features=12, num_transforms=2, num_bins=5, embedding_net=embedding
    )
    estimator = build(theta, x)
    with torch.no_grad():
        for parameter in estimator.parameters():
            parameter.normal_(0, 0.4)
    export(estimator, str(HERE / f"nflows_sbi_{model}"), context=x[:16], rows=theta[:16], n=16)
