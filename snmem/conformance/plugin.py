"""The pytest plugin of the conformance suite, for authors of backends.

Register the backend under the entry-point group ``snmem.backends`` and run::

    pytest --pyargs snmem.conformance.test_backend --snmem-backend NAME

Leave out what the backend declares it refuses with ``--snmem-without clear,plasticity`` (names:
``snmem.conformance.FEATURES``). The suite then checks that it refuses it with an error that names a population or
projection, and that everything else equals the reference bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from .networks import FEATURES


@dataclass(frozen=True)
class Claim:
    """What is claimed of a backend: name, arithmetic, features it refuses, whether traces and weights are exact too."""

    backend: str
    arithmetic: str
    without: tuple[str, ...]
    spikes_only: bool


def pytest_addoption(parser: pytest.Parser) -> None:
    """Command-line options of the suite."""
    group = parser.getgroup("snmem", "conformance of snmem backends")
    group.addoption("--snmem-backend", action="append", default=[], metavar="NAME", help="backend to test; repeatable")
    group.addoption("--snmem-arithmetic", choices=("float", "loihi"), default="float", help="LIF or LoihiLIF networks")
    group.addoption("--snmem-without", default="", metavar="A,B", help=f"features refused: {', '.join(FEATURES)}")
    group.addoption("--snmem-networks", type=int, default=50, metavar="N", help="random networks (default 50)")
    group.addoption("--snmem-spikes-only", action="store_true", help="do not compare traces and learned weights")


def _without(config: pytest.Config) -> tuple[str, ...]:
    return tuple(name.strip() for name in config.option.snmem_without.split(",") if name.strip())


def pytest_configure(config: pytest.Config) -> None:
    """Refuse unknown features."""
    unknown = set(_without(config)) - set(FEATURES)
    if unknown:
        raise pytest.UsageError(f"--snmem-without: unknown feature {sorted(unknown)[0]!r}; use {', '.join(FEATURES)}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test per backend and seed."""
    if "snmem_claim" not in metafunc.fixturenames:
        return
    option = metafunc.config.option
    if not option.snmem_backend:
        raise pytest.UsageError("snmem.conformance: say which backend to test with --snmem-backend NAME")
    common = option.snmem_arithmetic, _without(metafunc.config), option.snmem_spikes_only
    claims = [Claim(name, *common) for name in option.snmem_backend]
    metafunc.parametrize("snmem_claim", claims, ids=option.snmem_backend)
    if "snmem_seed" in metafunc.fixturenames:
        metafunc.parametrize("snmem_seed", range(option.snmem_networks))
