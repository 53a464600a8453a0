"""Read a NIR file, of whatever origin, as a Network."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from numbers import Real
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from .._text import shown
from ..errors import InputError, NetworkError
from ..io.hdf5 import Limits
from ..network import Network
from .choices import Choice, Settings
from .exact import is_exact, read_exact
from .graph import check_types, open_graph, read_graph
from .origins import choose_origin
from .plain import read_plain
from .shapes import infer_shapes

if TYPE_CHECKING:
    import nir  # pyright: ignore[reportMissingTypeStubs]


T = TypeVar("T")
#: A value for all nodes, or for each of those named.
OneOrEach: TypeAlias = T | Mapping[str, T] | None


def read_nir(
    path: str | os.PathLike[str] | nir.NIRGraph,
    dt: float | None = None,
    *,
    origin: str | None = None,
    metadata: bool = True,
    time_unit: str | None = None,
    discretization: OneOrEach[str] = None,
    spike: OneOrEach[str] = None,
    if_gain: OneOrEach[str] = None,
    reset: OneOrEach[str] = None,
    start: OneOrEach[str] = None,
    semantics: OneOrEach[str] = None,
    threshold: OneOrEach[str] = None,
    feedforward_delay: OneOrEach[int] = None,
    delay_rounding: OneOrEach[str] = None,
    feedback: Iterable[tuple[str, str]] | None = None,
    limits: Limits | None = None,
    report: Callable[[Choice], Any] | None = None,
) -> Network:
    """Read a NIR file, or a graph in memory, as a Network.

    A file that :func:`write_nir` wrote comes back equal. Any other file is read by its plain values; what NIR leaves
    open is settled by the options below: by what is given here, else by an entry of the same name in the metadata of
    the node or the graph, else by what the framework takes for granted that wrote the file (``origin``), else by the
    default (the first value named). Each choice made is passed to ``report``. A mapping settles an option for some
    nodes only: ``reset={"readout": "none"}``; its entry "" stands for the others.

    Parameters
    ----------
    path
        The file, or a ``nir.NIRGraph``.
    dt
        Time step in the file's time unit; by default the metadata's, else 1e-4 (as in the NIR paper and snnTorch).
    origin
        The framework that wrote the file, such as "sinabs 3" (:data:`snmem.nir_io.origins.ORIGINS`): what it takes for
        granted stands in for options that are not given. By default the one that the file shows signs of, if any;
        "none" takes no framework's side.
    metadata
        False reads the plain values of a file of snmem's too, as a tool that knows NIR only would.
    time_unit
        "s", "ms" or "us".
    discretization
        "euler" (decay 1 - dt/tau) or "exp" (decay exp(-dt/tau)); gains in :mod:`snmem.nir_io.nodes.neurons.base`.
    spike
        "pulse" (a current of 1 for one dt), "dirac" (of area 1), "current" (adds W to the synaptic current; w_in
        unused, as Norse's LIFCell), "unit" (adds W as it is; r and w_in unused), or "decayed" (adds W before the decay
        of the step, as Rockpool's LIFTorch).
    if_gain
        "r" (a spike adds r W to an IF or I, as published importers do), "r*dt" (Euler of v' = r I) or "1".
    reset
        "zero" (to v_reset), "subtract" (of v_threshold, at once), "subtract_late" (after the decay of the next step,
        as snnTorch's default and Spyx: v' = beta v + u - s theta) or "none" (v stays, as in layers of snnTorch that are
        read out by their potential).
    start
        "zero" or "v_leak": v before the first step, where v_leak is not 0.
    semantics
        "u_then_v" (v uses the new synaptic current) or "v_then_u" (the old one: explicit Euler).
    threshold
        ">" or ">=" (as Sinabs and Rockpool; then theta is the next smaller number).
    feedforward_delay
        0 or 1, steps of a connection that closes no cycle.
    delay_rounding
        "round", "floor", "ceil", or "exact" (refuse delays that are no multiple of dt).
    feedback
        (pre, post) names of the connections that take the step of a cycle; by default deduced: those on a cycle that
        lead to a population no farther from the inputs than their source.
    limits
        What the file may ask for; see :class:`Limits`.
    report
        Called with each :class:`Choice` that was made, for example ``choices.append``.

    Raises
    ------
    FileError
        If the file is missing, damaged, too large, or says what a Network cannot; names file, node, limit and value.
    InputError
        For options that are unknown, or of no use because the file itself says it.
    """
    given = {
        "time_unit": time_unit,
        "discretization": discretization,
        "spike": spike,
        "if_gain": if_gain,
        "reset": reset,
        "start": start,
        "semantics": semantics,
        "threshold": threshold,
        "feedforward_delay": feedforward_delay,
        "delay_rounding": delay_rounding,
    }
    if dt is not None and not (isinstance(dt, Real) and 0 < dt < float("inf")):
        raise InputError(f"read_nir: dt must be a positive number, got {shown(dt)}")
    with open_graph(path, limits) as store:
        graph = read_graph(store)
        check_types(graph)
        assumed = choose_origin(graph, origin)
        if assumed.origin is not None:
            assumed.origin.prepare(graph)
        settings = Settings(given, graph.metadata if metadata else None, assumed.origin)
        infer_shapes(graph, settings.add)
        try:
            if metadata and is_exact(graph):
                _refuse_options(store.path.name, graph.metadata, dt, {**given, "origin": origin, "feedback": feedback})
                return read_exact(graph)
            for choice in assumed.choices:
                settings.add(choice)
            network = read_plain(graph, settings, dt, feedback, assumed.time_step)
            settings.check_nodes()
        except NetworkError as error:
            raise store.error("network", str(error)) from None
    settings.report(report or (lambda choice: None))
    return network


def _refuse_options(name: str, metadata: dict[str, Any], dt: float | None, given: dict[str, Any]) -> None:
    """Options cannot change what snmem itself has written down."""
    useless = [key for key, value in given.items() if value is not None]
    if dt is not None and dt != metadata.get("dt"):
        useless.append("dt")
    if useless:
        raise InputError(
            f"read_nir: {useless[0]} has no use for {name}, which states everything (dt = {metadata.get('dt')}); "
            "leave it out, or take the plain values with metadata=False"
        )
