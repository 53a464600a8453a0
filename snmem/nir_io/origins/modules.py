"""Networks of torch modules: from the framework that defines their neurons, by its own NIR exporter."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..._text import listed, one_line
from ...errors import InputError, MissingDependencyError
from ..read import read_nir

if TYPE_CHECKING:
    import nir

    from ...network import Network


def from_torch(module: Any, sample: Any, **options: Any) -> Network:
    """A trained torch module as a Network: the framework's exporter writes NIR, which is read as it means it.

    What snnTorch's exporter leaves out, the reset of each layer, is taken from the module.

    Parameters
    ----------
    module : torch.nn.Module
        Of snnTorch, Norse, Sinabs, Rockpool or SpikingJelly layers, as the framework's exporter takes it.
    sample : torch.Tensor
        One frame of input with its batch axis, by which the exporter finds shapes.
    options
        Of :func:`snmem.nir_io.read_nir`; they come before what the framework takes for granted.

    Raises
    ------
    InputError
        For a module without layers of a known framework, with layers of two of them, or that its exporter refuses.
    """
    found = {kind.split(".")[0] for kind in (type(m).__module__ for m in module.modules())} & set(_EXPORTERS)
    if len(found) != 1:
        what = f"layers of {listed(sorted(found))}" if found else "no spiking layers of a known framework"
        raise InputError(f"from_torch: the module has {what}; use layers of one of {', '.join(_EXPORTERS)}")
    (framework,) = found
    export, origin = _EXPORTERS[framework]
    try:
        graph = export(module, sample)
    except (InputError, ImportError):
        raise
    except Exception as error:
        raise InputError(f"from_torch: the exporter of {framework} refuses the module ({one_line(error)})") from None
    return read_nir(graph, **{"origin": origin, **options})


def _imported(module: str, name: str) -> Callable[..., Any]:
    try:
        return getattr(import_module(module), name)
    except ImportError as error:
        raise MissingDependencyError(f"from_torch: {module} cannot be imported ({one_line(error)})") from None


def _snntorch(module: Any, sample: Any) -> nir.NIRGraph:
    graph = _imported("snntorch.export_nir", "export_to_nir")(module, sample, ignore_dims=[0])
    layers = dict(module.named_modules())
    for name, node in graph.nodes.items():
        layer = layers.get(name.removesuffix(".lif"))
        if hasattr(layer, "reset_mechanism"):
            neurons = node.nodes["lif"] if hasattr(node, "nodes") else node
            neurons.metadata = {**(neurons.metadata or {}), "reset": _reset(name, layer)}
    return graph


def _reset(name: str, layer: Any) -> str:
    """The option ``reset`` of a snnTorch layer; InputError for what a Network cannot say."""
    kind, mechanism, late = type(layer).__name__, layer.reset_mechanism, bool(layer.reset_delay)
    if mechanism == "none":
        raise InputError(f"from_torch: layer {name!r}: {kind} without reset has no spikes in NIR; give it a reset")
    if mechanism == "zero" and late and kind != "Leaky":
        raise InputError(
            f"from_torch: layer {name!r}: {kind} with reset_delay=True throws the input of v away in the step after a "
            "spike; use reset_delay=False"
        )
    return mechanism + "_late" * (mechanism == "subtract" and late)


def _sinabs(module: Any, sample: Any) -> nir.NIRGraph:
    graph = _imported("sinabs.nir", "to_nir")(module, sample)
    graph.infer_types()  # shapes of convolutions, which nir cannot write without
    return graph


#: Exporter and origin by framework.
_EXPORTERS: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "snntorch": (_snntorch, "snntorch"),
    "norse": (lambda module, sample: _imported("norse.torch", "to_nir")(module, sample), "norse"),
    "sinabs": (_sinabs, "sinabs"),
    "rockpool": (lambda module, sample: _imported("rockpool.nn.modules.torch.nir", "to_nir")(module), "rockpool"),
    "spikingjelly": (
        lambda module, sample: _imported("spikingjelly.activation_based.nir_exchange", "export_to_nir")(module, sample),
        "spikingjelly",
    ),
}
