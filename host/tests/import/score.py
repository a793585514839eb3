"""Rows that pushforward draws from each imported flow, scored by the library that the flow came from.

    pip install -r requirements.txt && python score.py ../../../target/release/pushforward

Prints how far ln q at those rows is from the library's in double precision, relative to 1 + its size: the
greatest, the median, and how many of 200 rows are beyond 1e-5; of ours and of the library's own in single
precision. Random weights make ill-conditioned flows, and their own rows lie where that shows. The flows are made again by the make_*.py, whose files are not touched.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import torch
from safetensors.torch import load_file

HERE = pathlib.Path(__file__).parent
PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
N = 200


def flows(script):
    """The flows that a script exports: their names, the objects, their contexts, the shapes of rows."""
    made = []

    def keep(flow, name, context=None, rows=None, **_):
        shape = [-1] if rows is None else rows.shape[1:]
        made.append((pathlib.Path(name).name, flow, context, shape))

    text = (HERE / script).read_text()
    before, after = text.split("\nexport = ", 1)
    after = after.split("\n", 1)[1]
    exec(compile(before + "\n" + after, script, "exec"), {"__file__": str(HERE / script), "export": keep})
    return made


def scores(library, flow, rows, context, kind):
    """ln q in a precision."""
    flow, rows = flow.to(kind), rows.to(kind)
    context = None if context is None else context.to(kind)
    if hasattr(flow, "embedding_net"):
        # An estimator of sbi.
        for part in flow.modules():
            for name in ("mean", "std"):
                if isinstance(getattr(part, name, None), torch.Tensor):
                    setattr(part, name, getattr(part, name).to(kind))
        return flow.log_prob(rows[None], condition=context)[0]
    if library == "zuko":
        return (flow() if context is None else flow(context)).log_prob(rows)
    given = [] if context is None else [context]
    return flow.eval().log_prob(rows, *given)


with tempfile.TemporaryDirectory() as folder, torch.no_grad():
    for library in ("zuko", "nflows", "normflows"):
        for name, flow, context, shape in flows(f"make_{library}.py"):
            model, drawn, given, own = (
                f"{folder}/{file}" for file in ("m.safetensors", "x.npy", "c.npy", "l.npy")
            )
            # Permutations and masks are random too.
            state = load_file(f"{HERE / name}.safetensors")
            state = {k: v for k, v in state.items() if not k.startswith(("pushforward.", "embedding."))}
            module = getattr(flow, "net", flow)
            # What an exporter spread over pixels is as the script made it: with the same seed.
            shapes = {k: v.shape for k, v in module.state_dict().items()}
            state = {k: v for k, v in state.items() if shapes.get(k) in (None, v.shape)}
            module.load_state_dict(state, strict=False)
            files = [f"{HERE / name}.safetensors", "-o", model]
            subprocess.run([PROGRAM, "import", library, *files], check=True, capture_output=True)
            arguments = [model, "-n", str(N), "-o", drawn, "--log-prob", own, "--log-prob-at", "row"]
            if context is not None:
                context = context[torch.arange(N) % len(context)].float()
                np.save(given, context.numpy())
                arguments += ["--context", given]
            subprocess.run([PROGRAM, "sample", *arguments], check=True)
            rows = torch.from_numpy(np.load(drawn)).double().reshape(N, *shape)
            single = scores(library, flow, rows, context, torch.float32).double().numpy()
            exact = scores(library, flow, rows, context, torch.float64).numpy()
            columns = []
            for found in (np.load(own).astype(float).reshape(-1), single):
                off = np.abs(found - exact) / (1 + np.abs(exact))
                columns.append(f"{off.max():.1e} {np.median(off):.1e} {int((off > 1e-5).sum()):4}")
            print(f"{name:32} here {columns[0]}   there {columns[1]}", flush=True)
