"""What is put into a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..cost.chip import Chip, load_chip
from ..cost.report.build import cost_report
from ..errors import InputError
from ..network import Network
from .activity import activity
from .bill import bill
from .blobs import Blobs
from .chip import add_loads, chip_map
from .conformance import conformance
from .graph import graph
from .page import View


def view(
    recording: Any,
    populations: str | Sequence[str] | None = None,
    *,
    traces: str | Sequence[str] | None = None,
    neurons: int | Sequence[int] = 4,
    chips: str | Chip | Sequence[str | Chip] = (),
    verdict: Mapping[str, Any] | None = None,
    title: str | None = None,
) -> View:
    """Make a page that shows a run: a raster to zoom into, the network, and what it costs.

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
    chips : str, Chip, or sequence of them
        Chips to price the run on; cores and links of the first are shown as a map.
    verdict : mapping, optional
        What :func:`snmem.verify.verify` returned for the same run; first differences are marked in the raster.
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
    about = (
        f"{sum(lane['spikes'] for lane in run['lanes']):,} spikes of {sum(lane['size'] for lane in run['lanes']):,} "
        f"neurons in {recording.steps:,} steps, backend {recording.backend}"
    )
    data: dict[str, Any] = {"run": run}
    network = recording.network if isinstance(recording.network, Network) else None
    if network is not None:
        data["network"] = graph(network, recording.spikes, recording.steps)
    wanted = [chips] if isinstance(chips, (str, Chip)) else list(chips)
    if wanted:
        data |= _priced(network, recording, wanted)
    if verdict is not None:
        data["conformance"] = conformance(verdict)
        run["marks"] = data["conformance"]["marks"]
    return View(title or "A run of snmem", about, data, blobs)


def _priced(network: Network | None, recording: Any, chips: Sequence[Any]) -> dict[str, Any]:
    """The sections of energy, latency and the chip."""
    if network is None:
        raise InputError("view: the network of the recording is not known; give chips with a recording of simulate")
    inputs = {p.name: recording.spikes[p.name] for p in network.fed}
    report = cost_report(network, inputs, recording.steps, chips[0], also=chips[1:]).to_dict()
    sections = report_sections(report)
    if sections["chip"] is not None:
        add_loads(sections["chip"], network, load_chip(chips[0]), recording.spikes)
    return sections


def report_sections(report: Mapping[str, Any], chip: str | Chip | None = None) -> dict[str, Any]:
    """The sections that a cost report fills, as :func:`snmem.cost.cost_report` makes it or ``snmem cost --json``."""
    tables = bill(report)
    try:
        profile = load_chip(tables["chip"] if chip is None else chip)
    except InputError:  # a profile of the user's, in a file
        return {"bill": tables, "chip": None}
    return {"bill": tables, "chip": chip_map(profile, report["cores"])}


def view_report(verb: str, report: Mapping[str, Any], title: str) -> View:
    """The page of a result without spikes: of ``snmem cost`` or ``snmem verify``.

    Parameters
    ----------
    verb : str
        Which of them.
    report : mapping
        What it printed with ``--json``.
    title : str
        Title of the page.

    Raises
    ------
    InputError
        For other verbs.
    FileError
        For a report that is none.
    """
    if verb == "cost":
        return View(title, f"energy and latency on {report.get('chip')}", report_sections(report), Blobs())
    if verb == "verify":
        return View(title, "the same spikes on every runtime?", {"conformance": conformance(report)}, Blobs())
    raise InputError(
        f"view: a result of snmem {verb} holds no spikes; those of simulate, cost and verify can be viewed"
    )
