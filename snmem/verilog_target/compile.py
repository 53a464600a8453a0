"""From a Network or a NIR file to synthesizable Verilog in Loihi's fixed point, with a report of what was decided.

All but the target is as for C (:mod:`snmem.c_target.compile`): :mod:`snmem.verilog_target.tables` lays the network out
in memories, ``network.v`` is the same for every network, and Verilator runs it beside the emulator.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..c_target.compile import Compiled, Target, compile_to
from ..c_target.run import Ran, run
from ..io.files import replace_file
from ..network import Network
from ..spikes import Spikes
from .simulate import build, missing
from .tables import Tables, describe

#: Files that are the same for every network.
FIXED = ("network.v", "main.cpp")


def compile(source: Network | str | os.PathLike[str], out: str | os.PathLike[str], **options: Any) -> Compiled:
    """Compile a network into the folder ``out``: a core in Verilog, its memories, and a test bench for Verilator.

    Parameters
    ----------
    source : Network or path-like
        A network of LIF or LoihiLIF populations without learning, or a NIR file of one.
    out : path-like
        Folder to write into.
    options
        Of :func:`snmem.c_target.compile.compile`; ``run`` builds the design with Verilator, runs it and compares.

    Raises
    ------
    FileError, InputError, NetworkError
        Naming node, population or projection, the limit, the value, and the remedy.
    BackendError
        If Verilator or the program fails.
    """
    return compile_to(_TARGET, source, out, **options)


def write(folder: Path, tables: Tables) -> list[Path]:
    """Write a design into ``folder``; returns its files."""
    folder.mkdir(parents=True, exist_ok=True)
    here = Path(__file__).parent
    texts = {name: (here / name).read_text(encoding="utf-8") for name in FIXED} | dict(tables.texts)
    for name, text in texts.items():
        with replace_file(folder / name, "w") as file:
            file.write(text)
    return [folder / name for name in texts]


def _run(folder: Path, scratch: Path, network: Network, inputs: Mapping[str, Spikes], steps: int) -> Ran:
    return run(build(folder, scratch / "network"), network, inputs, steps, folder=folder)


def clocks(ran: Ran, steps: int) -> dict[str, float]:
    """Clocks of a step, of the longest one, and those in a step that spikes take to come in."""
    total, most, came = map(int, ran.last_words.split())
    return {"clocks_per_step": total / steps, "most_clocks": most, "input_clocks_per_step": came / steps}


def _memory(tables: Tables) -> dict[str, int]:
    sizes = {"constant": tables.constant, "state": tables.state}
    return sizes | {"sum_bits": tables.sum_bits, "u_bits": tables.u_bits}


_TARGET = Target(
    name="verilog",
    describe=describe,
    write=write,
    missing=missing,
    run=_run,
    memory=_memory,
    measured=clocks,
)
