"""What is put into a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import InputError
from .activity import activity
from .blobs import Blobs
from .page import View


def view(
    recording: Any,
    populations: str | Sequence[str] | None = None,
    *,
    traces: str | Sequence[str] | None = None,
    neurons: int | Sequence[int] = 4,
    title: str | None = None,
) -> View:
    """Make a page that shows a run: a raster to zoom into, down to single spikes, with rates and potentials below it.

    The page holds every spike, in about as many bits as the entropy of their gaps: for neurons that spike at random,
    roughly 5 bits a spike where a tenth of them spike in a step, and 8 bits where a hundredth do.

    Parameters
    ----------
    recording : Recording or StoredRun
        What :func:`snmem.simulate` returned, or :func:`snmem.open_recording`.
    populations : str or sequence of str, optional
        Which to show, from the top; by default all that were recorded.
    traces : str or sequence of str, optional
        Such as "population.v"; by default all that were recorded.
    neurons : int or sequence of int
        How many neurons of each trace to show, from the first, or which.
    title : str, optional
        Title of the page.

    Returns
    -------
    View
        The page.

    Raises
    ------
    InputError
        For a run without steps or spikes, and neurons that do not exist.
    UnknownNameError
        For what was not recorded.
    """
    names = [populations] if isinstance(populations, str) else list(populations or recording.spikes)
    shown = [traces] if isinstance(traces, str) else list(recording.traces if traces is None else traces)
    if not recording.steps or not names:
        lacks = "steps" if names else "spikes"
        raise InputError(f"view: the recording holds no {lacks}; simulate at least one step and record some spikes")
    blobs = Blobs()
    run = activity(blobs, recording, names, shown, neurons)
    neurons_shown = sum(lane["size"] for lane in run["lanes"])
    about = (
        f"{sum(lane['spikes'] for lane in run['lanes']):,} spikes of {neurons_shown:,} neurons in {recording.steps:,} "
        f"steps, backend {recording.backend}"
    )
    return View(title or "A run of snmem", about, {"run": run}, blobs)
