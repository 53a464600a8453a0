"""Old import paths of modules that have moved; each still works, with a warning, until version 0.3."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

#: Old module -> new module, both below ``snmem``.
MOVED = {
    "aer": "cost",
    "aer.activity": "cost.counting.activity",
    "aer.bill": "cost.bill",
    "aer.checks": "cost.validation",
    "aer.chip": "cost.chip",
    "aer.dense": "cost.dense",
    "aer.html": "cost.report.html",
    "aer.meter": "cost.counting.meter",
    "aer.neurobench": "cost.export.neurobench",
    "aer.placement": "cost.mapping.placement",
    "aer.pricing": "cost.pricing",
    "aer.report": "cost.report.build",
    "aer.sanafe_export": "cost.export.sanafe",
    "aer.streaming": "cost.streaming",
    "aer.tables": "cost.report.tables",
    "aer.terminal": "cost.report.terminal",
    "aer.timing": "cost.timing.model",
    "aer.traffic": "cost.mapping.traffic",
    "aer.wiring": "cost.counting.wiring",
    "attention.case_sequence": "tasks.case_sequence",
    "attention.copies": "circuits.copies",
    "attention.figures": "attention.transformer.figures",
    "attention.mqar": "tasks.mqar",
    "attention.recall": "protocols.associative_recall",
    "attention.spiking": "attention.transformer.spiking",
    "attention.transformers": "attention.transformer.models",
    "content": "installation.content",
    "demo": "protocols.demo",
    "doctor": "installation.doctor",
    "files": "io.files",
    "inputs": "io.inputs",
    "lava.module": "lava.compiler.module",
    "lava.module_run": "lava.compiler.run",
    "lava.module_template": "lava.compiler.template",
    "loihi.calibration": "quantization.calibration",
    "loihi.compiler": "lava.compiler.compile",
    "loihi.limits": "cost.mapping.limits",
    "loihi.memory": "memory.onchip",
    "loihi.preparation": "lava.compiler.preparation",
    "loihi.quantization": "quantization.grid",
    "neuron": "neurons",
    "nir_io.hdf5": "io.hdf5",
    "nir_io.linear": "nir_io.nodes.affine",
    "nir_io.neurons": "nir_io.nodes.neurons.base",
    "patterns": "tasks.patterns",
    "report_io": "io.results",
    "reproduce": "protocols",
    "reproduce.curves": "protocols.curves",
    "reproduce.published": "protocols.published",
    "reproduce.retention": "protocols.retention",
    "reproduce.rows": "protocols.rows",
    "spike_files": "io.spikes",
}


#: Names that packages handed out and that have moved: package -> name -> new module.
NAMES = {
    "loihi": {
        "compile": "lava.compiler.compile",
        "core_table": "cost.mapping.limits",
        "prepare": "lava.compiler.preparation",
        "quantize": "quantization.grid",
    },
}


def _warn(old: str, new: str, stacklevel: int) -> None:
    message = f"snmem.{old} is now snmem.{new}; the old name goes with version 0.3"
    warnings.warn(message, DeprecationWarning, stacklevel=stacklevel + 1)


def moved_names(package: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package that handed out NAMES."""
    short = package.removeprefix("snmem.")

    def get(name: str) -> Any:
        if name not in NAMES[short]:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        new = NAMES[short][name]
        _warn(f"{short}.{name}", f"{new}.{name}", 2)
        return getattr(import_module(f"snmem.{new}"), name)

    return get


class _Package(ModuleType):
    """The old name of a package: its own object, as the import system sets old submodules as its attributes."""

    def __init__(self, name: str, new: ModuleType) -> None:
        super().__init__(name, new.__doc__)
        self.__path__ = []
        self._new = new

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_new"], name)


class _Finder(MetaPathFinder, Loader):
    """Finds a module under its old name and hands out the new one."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        old = name.removeprefix("snmem.")
        return ModuleSpec(name, self) if old != name and old in MOVED else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        old = spec.name.removeprefix("snmem.")
        _warn(old, MOVED[old], 2)
        module = import_module(f"snmem.{MOVED[old]}")
        if hasattr(module, "__path__"):
            return _Package(spec.name, module)
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        if not isinstance(module, _Package):
            module.__spec__ = self._own  # the import system has just replaced it by that of the old name


def install() -> None:
    """Let the old paths be imported. Comes before other finders, which would find what is left in old folders."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
