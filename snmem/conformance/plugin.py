"""The pytest plugin of the conformance suite, for authors of backends.

Register the backend under the entry-point group ``snmem.backends`` and run::

    pytest --pyargs snmem.conformance.test_backend --snmem-backend NAME

What the backend declares that it refuses (``Backend(without=...)``) and what ``--snmem-without clear,plasticity`` names
(of ``snmem.conformance.FEATURES``) is left out. The suite then checks that it refuses it with an error that names a
population or projection, and that everything else equals the reference bit for bit.

``snmem.conformance.test_golden`` compares with what Lava did on 144 networks, recorded once; Lava need not be
installed.

A neuron, a learning rule or a memory of one's own is tried with ``--snmem-load FILE``, a Python file that registers it,
and ``--snmem-neuron NAME``, ``--snmem-rule NAME``, or ``--snmem-memory NAME`` with the module
``snmem.conformance.test_memory``. A backend that does not declare the neuron or rule must refuse it by name.
"""

from __future__ import annotations

import runpy
from dataclasses import dataclass
from pathlib import Path

import pytest

from .networks import FEATURES


@dataclass(frozen=True)
class Claim:
    """What is claimed of a backend: name, arithmetic, features it refuses, whether traces and weights are exact too."""

    backend: str
    arithmetic: str
    without: tuple[str, ...]
    spikes_only: bool
    neuron: str = ""
    rule: str = ""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Command-line options of the suite."""
    group = parser.getgroup("snmem", "conformance of snmem backends")
    group.addoption("--snmem-backend", action="append", default=[], metavar="NAME", help="backend to test; repeatable")
    group.addoption("--snmem-arithmetic", choices=("float", "loihi"), default="float", help="LIF or LoihiLIF networks")
    group.addoption("--snmem-without", default="", metavar="A,B", help=f"features refused: {', '.join(FEATURES)}")
    group.addoption("--snmem-networks", type=int, default=50, metavar="N", help="random networks (default 50)")
    group.addoption("--snmem-load", action="append", default=[], metavar="FILE", help="Python file to run first")
    group.addoption("--snmem-neuron", default="", metavar="NAME", help="registered neuron of all populations")
    group.addoption("--snmem-rule", default="", metavar="NAME", help="registered rule of plastic projections")
    group.addoption("--snmem-memory", action="append", default=[], metavar="NAME", help="memory to test; repeatable")
    group.addoption("--snmem-spikes-only", action="store_true", help="do not compare traces and learned weights")


def _without(config: pytest.Config) -> tuple[str, ...]:
    return tuple(name.strip() for name in config.option.snmem_without.split(",") if name.strip())


def pytest_configure(config: pytest.Config) -> None:
    """Refuse unknown features, and run the files that register something."""
    unknown = set(_without(config)) - set(FEATURES)
    if unknown:
        raise pytest.UsageError(f"--snmem-without: unknown feature {sorted(unknown)[0]!r}; use {', '.join(FEATURES)}")
    for file in config.option.snmem_load:
        runpy.run_path(file, run_name=Path(file).stem)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per backend and seed."""
    option = metafunc.config.option
    if "snmem_memory" in metafunc.fixturenames:
        if not option.snmem_memory:
            raise pytest.UsageError("snmem.conformance: say which memory to test with --snmem-memory NAME")
        metafunc.parametrize("snmem_memory", option.snmem_memory)
    if "snmem_claim" not in metafunc.fixturenames:
        return
    if not option.snmem_backend:
        raise pytest.UsageError("snmem.conformance: say which backend to test with --snmem-backend NAME")
    from ..neurons import NEURONS

    arithmetic = NEURONS[option.snmem_neuron].arithmetic if option.snmem_neuron else option.snmem_arithmetic
    claims = [
        Claim(
            name,
            arithmetic,
            _without(metafunc.config),
            option.snmem_spikes_only,
            option.snmem_neuron,
            option.snmem_rule,
        )
        for name in option.snmem_backend
    ]
    metafunc.parametrize("snmem_claim", claims, ids=option.snmem_backend)
    if "snmem_vector" in metafunc.fixturenames:
        from .golden import vectors

        chosen = [v for v in vectors() if v.network.arithmetic == arithmetic]
        metafunc.parametrize("snmem_vector", chosen, ids=[v.id for v in chosen])
    if "snmem_seed" in metafunc.fixturenames:
        metafunc.parametrize("snmem_seed", range(option.snmem_networks))
