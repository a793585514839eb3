#!/usr/bin/env python3
"""This project and its peers on the same work, alternately, in one run.

    python3 benches/peers/compare.py --setup            # once: a virtual environment with the peers
    python3 benches/peers/compare.py                    # the table, about ten minutes
    python3 benches/peers/compare.py --only nsf --only train
    python3 benches/peers/compare.py --markdown benches/README.md

Every row runs in processes of its own, held to as many cores as it has threads: one for each peer
(`worker.py`) and one of ours (`timings`, built here). They are asked in turn, several rounds; the
shortest call counts. A time is that of one sample, or of one training step. The peak is that of
fused multiply-adds in registers, measured by `timings` in the same rounds.
"""

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import platform
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
START, END = "<!-- compare.py: start -->", "<!-- compare.py: end -->"
TITLES = {
    "van-3": "VAN, MADE L=16 depth 3 width 4",
    "van-2": "VAN, MADE L=16 depth 2 width 4",
    "van-1": "VAN, MADE L=16 depth 1",
    "pixelcnn": "VAN, PixelCNN L=16 3×64×13×13",
    "nsf-8": "NSF coupling D=8, 8 layers 64×64, 8 bins",
    "realnvp-64": "RealNVP D=64, 8 layers 128×128",
    "maf-16": "MAF D=16, 3 layers 64×64",
    "maf-64": "MAF D=64, 5 layers 256×256",
}


@dataclasses.dataclass
class Row:
    model: str
    work: str
    batch: int
    peers: tuple
    threads: int = 1

    @property
    def name(self):
        threads = f" threads {self.threads}" if self.threads > 1 else ""
        return f"{self.model} {self.work} batch {self.batch}{threads}"


def rows():
    """The rows of the table, in its order."""
    both = ("flowjax", "zuko")
    yield Row("van-3", "sample", 1, ("torch",))
    yield Row("van-3", "sample", 1000, ("torch",))
    yield Row("van-3", "log_prob", 1000, ("torch",))
    yield Row("van-2", "sample", 1, ("torch",))
    yield Row("van-2", "sample", 1000, ("torch",))
    yield Row("van-1", "sample", 1, ("torch",))
    yield Row("van-1", "sample", 1000, ("torch",))
    yield Row("pixelcnn", "sample", 1, ("torch",))
    yield Row("pixelcnn", "sample", 64, ("torch",))
    yield Row("pixelcnn", "log_prob", 64, ("torch",))
    for model in ("nsf-8", "realnvp-64", "maf-16"):
        for batch in (1, 1024):
            for work in ("log_prob", "sample+log_prob"):
                yield Row(model, work, batch, both)
    for batch in (1, 1024):
        yield Row("maf-64", "sample+log_prob", batch, ("zuko",))
    for model in ("nsf-8", "realnvp-64", "maf-16"):
        yield Row(model, "train", 1024, both)
    yield Row("van-3", "train", 1000, ("torch",), threads=2)


class Program:
    """A process that says "ready" and then times its work for as long as it is told."""

    def __init__(self, command, threads):
        cores = sorted(os.sched_getaffinity(0))[-threads:]
        self.best = None
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        if self.process.stdout.readline().strip() != "ready":
            raise RuntimeError((self.process.communicate()[1].strip() or "died").splitlines()[-1])

    def ask(self, seconds):
        print(seconds, file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        for name, value in (self.best or {}).items():
            better = max if name == "peak" else min
            answer[name] = better(value, answer[name])
        self.best = answer

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()


def measure(row, arguments):
    """The best answers by program; a program that cannot do the row is left out."""
    work = [row.model, row.work, row.batch]
    commands = {}
    if not arguments.peers_only:
        commands["pushforward"] = [TARGET / "release" / "examples" / "timings", *work]
    if not arguments.ours_only:
        python = arguments.venv / "bin" / "python"
        for peer in row.peers:
            commands[peer] = [python, HERE / "worker.py", peer, *work]
    with contextlib.ExitStack() as stack:
        programs = {}
        for name, command in commands.items():
            try:
                programs[name] = stack.enter_context(Program(command, row.threads))
            except RuntimeError as error:
                print(f"  {row.name}: {name}: {error}", file=sys.stderr)
        for _ in range(arguments.rounds):
            for program in programs.values():
                # A call of ten seconds is not disturbed by what disturbs one of a millisecond.
                if not program.best or program.best["seconds"] < 2 or arguments.rounds < 3:
                    program.ask(arguments.seconds)
        return {name: program.best for name, program in programs.items()}


def figures(row, best, clock):
    """Microseconds a sample (or milliseconds a step) by program, and the fraction of the peak."""
    scale = 1e3 if row.work == "train" else 1e6 / row.batch
    # Two threads' CPU time would be twice their time.
    clock = clock if row.threads == 1 else "seconds"
    times = {name: answer[clock] * scale for name, answer in best.items()}
    ours = best.get("pushforward")
    fraction = None
    if ours:
        work = ours["multiply_adds"] * row.batch
        fraction = work / (ours[clock] * ours["peak"])
    return times, fraction


def number(x):
    if x is None:
        return "–"
    return f"{x:,.0f}" if x >= 1000 else f"{x:.3g}" if x < 100 else f"{x:.0f}"


def table(done, clock):
    """Lines of a Markdown table."""
    head = ["work", "batch", "pushforward", "peer", "time", "ratio", "of peak"]
    lines = [head, ["---"] + ["---:"] * 2 + ["---"] + ["---:"] * 3]
    for row, best in done:
        times, fraction = figures(row, best, clock)
        ours = times.get("pushforward")
        unit = "ms a step" if row.work == "train" else "µs"
        threads = f", {row.threads} threads" if row.threads > 1 else ""
        title = f"{TITLES[row.model]}: {row.work}{threads}"
        share = f"{100 * fraction:.0f} %" if fraction else "–"
        for peer in row.peers:
            theirs = times.get(peer)
            ratio = f"{number(theirs / ours)}×" if ours and theirs else "–"
            shown = [f"{number(t)} {unit}" if t else "–" for t in (ours, theirs)]
            lines.append([title, str(row.batch), shown[0], peer, shown[1], ratio, share])
    return ["| " + " | ".join(line) + " |" for line in lines]


def machine():
    """The processor's name."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def set_up(venv):
    """A virtual environment with the pinned peers."""
    subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    install = [venv / "bin" / "python", "-m", "pip", "install", "-q", "-r"]
    subprocess.run([*install, HERE / "requirements.txt"], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--setup", action="store_true", help="create the environment and stop")
    parser.add_argument("--venv", type=pathlib.Path, default=TARGET / "peers", metavar="DIR")
    parser.add_argument("--only", action="append", default=[], metavar="TEXT",
                        help="rows whose name contains this; may be repeated")
    parser.add_argument("--list", action="store_true", help="name the rows and stop")
    parser.add_argument("--ours-only", action="store_true")
    parser.add_argument("--peers-only", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.5, help="of each program in a round")
    parser.add_argument("--cpu-time", action="store_true",
                        help="count CPU seconds: for a machine that has other work to do")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write the raw answers")
    parser.add_argument("--markdown", type=pathlib.Path, metavar="FILE",
                        help="put the table between the marks in this file")
    arguments = parser.parse_args()
    if arguments.setup:
        return set_up(arguments.venv)
    if arguments.markdown:
        marks = arguments.markdown.read_text() if arguments.markdown.exists() else ""
        if START not in marks or END not in marks:
            sys.exit(f"error: {arguments.markdown}: found no file with the lines {START} and {END}")
    chosen = [r for r in rows() if not arguments.only or any(t in r.name for t in arguments.only)]
    if arguments.list:
        return print("\n".join(row.name for row in chosen))
    if not arguments.ours_only and not (arguments.venv / "bin" / "python").exists():
        sys.exit(f"error: {arguments.venv}: no environment there; run with --setup first")
    if not arguments.peers_only:
        build = ["cargo", "build", "--release", "-p", "pushforward-benches", "--example", "timings"]
        subprocess.run(build, cwd=ROOT, check=True)
    clock = "cpu_seconds" if arguments.cpu_time else "seconds"
    done = []
    for row in chosen:
        done.append((row, measure(row, arguments)))
        if arguments.json:
            raw = [{**dataclasses.asdict(r), "best": best} for r, best in done]
            arguments.json.write_text(json.dumps(raw, indent=1) + "\n")
        times, fraction = figures(*done[-1], clock)
        text = "  ".join(f"{name} {number(t)}" for name, t in times.items())
        share = f"  {100 * fraction:.1f} % of peak" if fraction else ""
        print(f"{row.name}: {text}{share}", file=sys.stderr, flush=True)
    peaks = [ours["peak"] / ours["threads"] for ours in
             (best.get("pushforward") for _, best in done) if ours]
    lines = [f"{datetime.date.today()}, {machine()}, f32, shortest call"
             + (" in CPU time" if arguments.cpu_time else "")
             + (f"; peak {max(peaks) / 1e9:.0f} G multiply-adds/s a core" if peaks else "")
             + "; `python3 benches/peers/compare.py`.",
             "", *table(done, clock)]
    print("\n".join(lines))
    if arguments.markdown:
        text = arguments.markdown.read_text()
        before, rest = text.split(START)
        after = rest.split(END)[1]
        block = "\n".join([START, *lines, END])
        arguments.markdown.write_text(before + block + after)


main()
