"""The counts of a module as a bill by layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..._text import one_line
from ...description import Summary
from ...errors import InputError, MissingDependencyError, SnmemError
from ..chip import Chip, load_chip
from .counting import Counter, Layer
from .frameworks import framework_of, outputs_of


@dataclass(frozen=True)
class LayerCost:
    """Counts and dynamic joules of one layer, for one sample.

    Attributes
    ----------
    name, kind : str
        Name in the module; "synapses" or "neurons".
    counts : mapping of str to float
        As :class:`snmem.cost.modules.counting.Layer` has them, per sample.
    joules : float or None
        Dynamic energy; None where the chip has no public price.
    """

    name: str
    kind: str
    counts: Mapping[str, float]
    joules: float | None


@dataclass(frozen=True, repr=False)
class ModuleCost(Summary):
    """What one sample costs a module on a chip, layer by layer; dynamic energy without placement.

    Attributes
    ----------
    framework, chip : str
        Of the neurons; of the prices.
    layers : tuple of LayerCost
        In the order of the module.
    counters : mapping of str to float
        Sums per sample; ``Effective_ACs``, ``Effective_MACs`` and ``Dense`` under NeuroBench's names.
    joules : float or None
        Dynamic energy of a sample: a lower bound, since where neurons lie is not known. Every spike is charged one
        packet and no hop, every neuron an update in every step.
    unpriced : tuple of str
        Events without a public price.
    samples, steps : int
        Of the batch that was run; steps of a sample.
    not_counted : tuple of str
        Layers with weights of their own that are neither counted connections nor neurons, such as normalizations.
    """

    framework: str
    chip: str
    layers: tuple[LayerCost, ...]
    counters: Mapping[str, float]
    joules: float | None
    unpriced: tuple[str, ...]
    samples: int
    steps: int
    not_counted: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)

    def _summary(self) -> tuple[str, list[tuple[str, str]]]:
        rows = [(x.name, f"{_words(x)}, {_joules(x.joules)}") for x in self.layers]
        title = f"{self.framework} module on {self.chip!r}: {_joules(self.joules)} a sample of {self.steps} steps"
        return f"{title} (dynamic, lower bound)", rows


def _joules(value: float | None) -> str:
    return "unknown J" if value is None else f"{value:.3g} J"


def _words(x: LayerCost) -> str:
    if x.kind == "neurons":
        return f"{x.counts['spikes']:,.6g} spikes of {x.counts['neurons']:,.0f} neurons"
    return f"{x.counts['events']:,.6g} synaptic events, {x.counts['macs']:,.6g} of them multiply"


def cost_of(
    module: Any,
    sample: Any,
    chip: str | Path | Chip = "loihi1-nahuku",
    *,
    batch: bool = True,
    whole: bool | None = None,
) -> ModuleCost:
    """Run a sample through a module of snnTorch, SpikingJelly, Norse or Sinabs, count, and price the counts.

    Parameters
    ----------
    module : torch.nn.Module
        It is run as it is, without gradients; neurons start from rest.
    sample : tensor of shape (steps, batch, ...)
        Input; time is the first axis for all frameworks. Its numbers are converted to those of the module's parameters.
    chip : str or Path or Chip
        Profile that prices the counts.
    batch : bool
        Whether there is an axis of samples.
    whole : bool, optional
        Give the module all steps in one call, or step by step; default: what its framework says.

    Raises
    ------
    MissingDependencyError
        If torch is absent.
    InputError
        For a module without spiking neurons of a known framework, a sample without steps, and one that the module
        fails on.
    """
    try:
        import torch
    except ImportError:
        raise MissingDependencyError("cost: the package 'torch' is absent; pip install 'snmem[snntorch]'") from None
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"cost: expected a torch.nn.Module, got a {type(module).__name__}; bill networks with measure")
    sample = _as_input(torch, module, sample)
    framework, profile = framework_of(module), load_chip(chip)
    if sample.dim() < 1 + batch or not all(sample.shape[: 1 + batch]):
        raise InputError(f"cost: the sample has shape {tuple(sample.shape)}; give (steps, batch, ...), both at least 1")
    at_once = framework.whole(module) if whole is None else whole
    counter = Counter(module, framework)
    given = sample if batch or not at_once or framework.arrange is None else sample[:, None]
    try:
        with counter.watching():
            for _ in outputs_of(framework, module, given, at_once):
                pass
    except SnmemError:
        raise
    except Exception as error:
        shape, name = tuple(sample.shape), type(module).__name__
        raise InputError(f"cost: the module {name} fails on the sample of shape {shape} ({one_line(error)})") from error
    steps, samples = int(sample.shape[0]), int(sample.shape[1]) if batch else 1
    cost = _priced(framework.name, profile, list(counter.layers.values()), samples, steps, at_once)
    return replace(cost, not_counted=tuple(counter.not_counted))


def _as_input(torch: Any, module: Any, sample: Any) -> Any:
    """``sample`` as a tensor of the numbers and on the device of the module's parameters."""
    try:
        sample = torch.as_tensor(sample)
    except (TypeError, ValueError, RuntimeError) as error:
        what = type(sample).__name__
        raise InputError(f"cost: a sample of type {what} is no tensor ({one_line(error)}); give one") from None
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(()))
    if not bool(torch.isfinite(sample).all()):
        raise InputError("cost: the sample holds numbers that are not finite; give finite ones")
    return sample.to(like.device, like.dtype)


def _priced(name: str, chip: Chip, layers: list[Layer], samples: int, steps: int, at_once: bool) -> ModuleCost:
    out, unpriced = [], dict[str, None]()
    for x in layers:
        events = _events(x)
        known = {key: chip.energy(key) for key, n in events.items() if n and not chip.constant("energy", key).within}
        unpriced |= dict.fromkeys(key for key, price in known.items() if price is None)
        joules = None if None in known.values() else sum(events[k] * (p or 0.0) for k, p in known.items()) / samples
        counts = {k: v / samples for k, v in asdict(x).items() if k not in ("name", "kind", "synapses")}
        counts["neurons"] /= steps if at_once else 1
        out.append(LayerCost(x.name, x.kind, counts | {"synapses": float(x.synapses)}, joules))
    parts = [x.joules for x in out]
    total = None if None in parts else sum(x or 0.0 for x in parts)
    counters = {key: sum(x.counts[key] for x in out) for key in ("spikes", "accessed", "events", "events_nonzero")}
    nonzero, macs, dense = (sum(getattr(x, key) for x in layers) for key in ("events_nonzero", "macs", "dense"))
    counters |= {
        "Effective_ACs": (nonzero - macs) / samples,
        "Effective_MACs": macs / samples,
        "Dense": dense / samples,
    }
    return ModuleCost(name, chip.name, tuple(out), counters, total, tuple(unpriced), samples, steps)


def _events(x: Layer) -> dict[str, float]:
    """Priced events of a layer."""
    if x.kind == "synapses":
        return {"synaptic_event": x.events}
    return {"neuron_access": x.accessed, "neuron_update": x.accessed, "neuron_spike": x.spikes, "packet": x.spikes}
