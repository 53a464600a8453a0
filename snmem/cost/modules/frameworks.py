"""Frameworks whose modules can be billed, a record each: which of their classes are neurons, how a sample goes in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ...errors import InputError
from ...registry import Registry


@dataclass(frozen=True)
class Framework:
    """How modules of a framework are recognised and run.

    Parameters
    ----------
    name : str
        Name for messages.
    package : str
        Beginning of the names of the modules (in Python's sense) that define its neurons.
    base : str
        Name of the class from which its neurons derive.
    whole : callable
        Whether a module takes all steps of a sample at once (else it is called step by step), from the module.
    reset : callable
        Put the neurons of a module back to their start.
    arrange : callable, optional
        From the module and a sample of shape (steps, batch, ...): the sample as the module takes it at once.
    stateful : bool
        Whether a call takes the state of the last one as its second argument, and returns (output, state).
    """

    name: str
    package: str
    base: str
    whole: Callable[[Any], bool]
    reset: Callable[[Any], None]
    stateful: bool = False
    arrange: Callable[[Any, Any], Any] | None = None

    def is_neuron(self, module: Any) -> bool:
        """Whether ``module`` is a layer of neurons of this framework."""
        return any(k.__module__.startswith(self.package) and k.__name__ == self.base for k in type(module).__mro__)


#: Frameworks by name.
FRAMEWORKS: Registry[Framework] = Registry("framework of spiking modules")


def framework_of(module: Any) -> Framework:
    """The framework whose neurons a module holds.

    Raises
    ------
    InputError
        For a module without neurons of a known framework, or with those of two.
    """
    found = [f for f in FRAMEWORKS.values() if any(f.is_neuron(m) for m in module.modules())]
    if len(found) != 1:
        holds = " and ".join(f.name for f in found) or "no spiking neurons of a known framework"
        known = ", ".join(f.name for f in FRAMEWORKS.values())
        raise InputError(f"cost: the module {type(module).__name__} holds {holds}; give neurons of one of {known}")
    return found[0]


def outputs_of(framework: Framework, module: Any, sample: Any, whole: bool) -> Iterator[Any]:
    """Run a sample whose first axis is time; yields the output of every call."""
    framework.reset(module)
    if whole and framework.arrange:
        sample = framework.arrange(module, sample)
    state: Any = None
    for part in (sample,) if whole else sample:
        if framework.stateful:
            out, state = module(part, state)
        else:
            out = module(part)
        yield out


def _each_reset(module: Any) -> None:
    for m in module.modules():
        for name in ("reset_mem", "reset", "reset_states"):
            if hasattr(m, name):
                getattr(m, name)()
                break


def _snntorch_reset(module: Any) -> None:
    for m in module.modules():
        if FRAMEWORKS["snntorch"].is_neuron(m):
            m.reset_mem()


def _stepwise(module: Any) -> bool:
    return False


def _at_once(module: Any) -> bool:
    return True


def _nothing(module: Any) -> None:
    """Modules that take their state as an argument start from rest anyway."""


def _multi_step(module: Any) -> bool:
    return any(getattr(m, "step_mode", "s") == "m" for m in module.modules())


def _batch_first(module: Any, sample: Any) -> Any:
    """Sinabs' order: (batch, steps, ...), or (batch * steps, ...) if the layers split that axis themselves."""
    steps, batch = sample.shape[:2]
    splitting = [m for m in module.modules() if hasattr(m, "num_timesteps") and hasattr(m, "batch_size")]
    for m in splitting:
        if (m.batch_size, m.num_timesteps) not in ((batch, -1), (-1, steps), (batch, steps)):
            raise InputError(
                f"cost: a layer {type(m).__name__} splits its input into {m.batch_size} samples of {m.num_timesteps} "
                f"steps (-1: whatever is left), but the sample has {batch} of {steps}; make the layers for it"
            )
    sample = sample.transpose(0, 1)
    return sample.flatten(0, 1) if splitting else sample


FRAMEWORKS.add("snntorch", Framework("snnTorch", "snntorch", "SpikingNeuron", _stepwise, _snntorch_reset))
FRAMEWORKS.add(
    "spikingjelly",
    Framework("SpikingJelly", "spikingjelly.activation_based", "BaseNode", _multi_step, _each_reset),
)
FRAMEWORKS.add("norse", Framework("Norse", "norse.torch.module", "SNN", _at_once, _nothing, stateful=True))
FRAMEWORKS.add(
    "norse cells",
    Framework("Norse's cells", "norse.torch.module", "SNNCell", _stepwise, _nothing, stateful=True),
)
FRAMEWORKS.add(
    "sinabs", Framework("Sinabs", "sinabs.layers", "StatefulLayer", _at_once, _each_reset, arrange=_batch_first)
)
