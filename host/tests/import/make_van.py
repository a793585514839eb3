"""Makes the van_*.{safetensors,toml} beside it: networks of random weights.

    pip install -r requirements.txt
    git clone https://github.com/wdphy16/stat-mech-van && git -C stat-mech-van checkout 5536ba6b91145e724fcd26230bab881aa7331ffd
    python make_van.py stat-mech-van
"""

import pathlib
import sys

import torch

from exporter import exporter, seeded

HERE = pathlib.Path(__file__).parent
CODE = pathlib.Path(sys.argv[1])
# Their modules read the command line when they are imported.
sys.argv = ["main.py", "--seed", "1"]
export = exporter("van")


def networks():
    for folder, module, size in [("src_ising", "made", {"L": 4}), ("src_hop_sk", "made2", {"n": 7})]:
        sys.path.insert(0, str(CODE / folder))
        for known in ("args", "utils", "pixelcnn"):
            sys.modules.pop(known, None)
        made = __import__(module).MADE
        sys.path.pop(0)
        common = {"res_block": False, "x_hat_clip": 0, "epsilon": 1e-7, "device": "cpu"} | size
        yield f"{module}_z2", made(net_depth=3, net_width=4, bias=True, z2=True, **common)
        yield f"{module}", made(net_depth=2, net_width=3, bias=True, z2=False, **common)
        yield f"{module}_direct", made(net_depth=1, net_width=1, bias=False, z2=True, **common)


def convolutions():
    sys.path.insert(0, str(CODE / "src_ising"))
    for known in ("args", "utils", "pixelcnn"):
        sys.modules.pop(known, None)
    pixelcnn = __import__("pixelcnn").PixelCNN
    sys.path.pop(0)
    common = {"x_hat_clip": 0, "epsilon": 1e-7, "device": "cpu"}

    def made(side, depth, width, half, bias, z2, res_block=False, final_conv=False):
        return pixelcnn(L=side, net_depth=depth, net_width=width, half_kernel_size=half, bias=bias, z2=z2,
                        res_block=res_block, final_conv=final_conv, **common)

    yield "pixelcnn", made(4, 3, 5, 2, True, False)
    yield "pixelcnn_z2", made(4, 2, 18, 6, True, True)
    yield "pixelcnn_blocks", made(4, 4, 4, 1, False, True, res_block=True)
    yield "pixelcnn_final", made(3, 2, 6, 1, True, True, final_conv=True)
    yield "pixelcnn_linear", made(4, 1, 1, 2, False, False)


for name, network in [*networks(), *convolutions()]:
    seeded()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.4)
    export(network, str(HERE / f"van_{name}"), n=16)
