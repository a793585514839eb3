"""The exporter of a library, put together as `pushforward import --exporter LIBRARY` prints it."""

import pathlib

import numpy
import torch

SOURCE = pathlib.Path(__file__).parent / "../../src/import"


def exporter(library):
    """Its function `export`."""
    names = {}
    text = (SOURCE / f"{library}.py").read_text() + (SOURCE / "exporter.py").read_text()
    exec(compile(text, f"{library}.py", "exec"), names)
    return names["export"]


def seeded():
    """Starts all random numbers again."""
    torch.manual_seed(0)
    numpy.random.seed(0)
