"""Makes the zuko_*.{safetensors,toml} beside it: flows of random weights, and an estimator of sbi.

    pip install -r requirements.txt && python make_zuko.py
"""

import pathlib

import torch
import zuko
from sbi.neural_nets import posterior_nn
from torch.distributions import AffineTransform
from zuko.flows import GF, MAF, NCSF, NSF, Flow, RealNVP
from zuko.flows import UnconditionalDistribution, UnconditionalTransform
from zuko.transforms import AdditiveTransform, LULinearTransform, PermutationTransform

from exporter import exporter, seeded

HERE = pathlib.Path(__file__).parent
export = exporter("zuko")

small = {"hidden_features": (12, 10)}


def linear():
    """Layers without a network, and a base that is not the standard one."""
    lu = 0.3 * torch.randn(4, 4)
    lu.diagonal().copy_(lu.diagonal().exp())
    base = UnconditionalDistribution(
        zuko.distributions.DiagNormal, torch.randn(4), torch.rand(4) + 0.5, buffer=True
    )
    transforms = [
        UnconditionalTransform(AffineTransform, loc=torch.randn(4), scale=torch.rand(4) + 0.5),
        UnconditionalTransform(PermutationTransform, torch.tensor([2, 0, 3, 1]), buffer=True),
        zuko.flows.MaskedAutoregressiveTransform(4, **small),
        UnconditionalTransform(LULinearTransform, lu),
    ]
    return Flow(transforms, base)


def flows():
    graph = torch.tensor(
        [[1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [1, 0, 1, 0, 0], [0, 1, 1, 1, 0], [1, 0, 0, 0, 1]]
    )
    yield "maf", MAF(5, transforms=3, randperm=True, **small), 0
    yield "maf_context", MAF(4, 3, transforms=2, activation=torch.nn.ELU, **small), 3
    residual = {"hidden_features": (10, 10, 10), "residual": True}
    yield "maf_residual", MAF(5, 2, transforms=2, **residual), 2
    yield "maf_passes", MAF(7, 2, transforms=2, passes=3, **small), 2
    yield "maf_graph", MAF(5, transforms=1, adjacency=graph, **small), 0
    yield "maf_one", MAF(1, transforms=2), 0
    yield "maf_one_context", MAF(1, 2, transforms=2, **small), 2
    yield "nsf", NSF(4, 2, transforms=2, bins=6, activation=torch.nn.Tanh, **small), 2
    yield "nsf_passes", NSF(6, transforms=2, bins=4, passes=2, **small), 0
    yield "nsf_slope", NSF(3, transforms=2, bins=8, slope=1e-2, activation=torch.nn.GELU, **small), 0
    yield "ncsf", NCSF(3, transforms=3, bins=5, activation=torch.nn.ELU, **small), 0
    yield "ncsf_context", NCSF(4, 2, transforms=2, bins=8, randperm=True, **small), 2
    yield "gmm", zuko.flows.GMM(3, components=4, covariance_type="diagonal"), 0
    tied = zuko.flows.GMM(3, components=3, covariance_type="spherical", tied=True)
    yield "gmm_base", Flow(MAF(3, transforms=1, **small).transform.transforms, tied), 0
    yield "realnvp", RealNVP(5, 2, transforms=3, randmask=True, activation=torch.nn.SiLU, **small), 2
    additive = {"univariate": AdditiveTransform, "shapes": [()]}
    yield "nice", RealNVP(4, transforms=3, **additive, **small), 0
    yield "gf", GF(3, transforms=3, components=4), 0
    yield "gf_context", GF(2, 2, transforms=2, components=3, **small), 2
    yield "linear", linear(), 0


# What a flow is made of is random too.
seeded()
for name, flow, context in flows():
    torch.manual_seed(sum(name.encode()))
    with torch.no_grad():
        if name != "linear":
            for parameter in flow.parameters():
                parameter.normal_(0, 0.7)
    contexts = torch.randn(16, context) if context else None
    # Rows that are not the flow's own: those of a random flow are far out, where 32 bits say little.
    features = flow(contexts).sample().shape[-1] if context else flow().sample().shape[-1]
    rows = torch.randn(16, features)
    if name.startswith("ncsf"):
        rows = torch.pi * (2 * torch.rand(16, features) - 1)
    export(flow, str(HERE / f"zuko_{name}"), context=contexts, rows=rows, n=16)
    seeded()

# An estimator of sbi, untrained: standardised, with an embedding network.
torch.manual_seed(11)
theta, x = 2 * torch.randn(500, 3) + 5, 0.1 * torch.randn(500, 6) - 1
embedding = torch.nn.Sequential(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 4))
build = posterior_nn(
    "zuko_nsf", hidden_features=14, num_transforms=2, num_bins=5, embedding_net=embedding
)
estimator = build(theta, x)
with torch.no_grad():
    for parameter in estimator.parameters():
        parameter.normal_(0, 0.4)
export(estimator, str(HERE / "zuko_sbi"), context=x[:16], rows=theta[:16], n=16)
