"""The content-addressable memory of CA3 on SpiNNaker: pairs of a cue and a content, recalled by either, and forgotten.

Casanueva-Morato et al. 2024 (Neural Networks); constants and schedules of github.com/dancasmor/sPyMem. Plastic synapses
from cues to contents and back learn a pair from spikes held for three steps, and forget it when its cue is written
again. SpiNNaker's own order of a step is not published. Here a postsynaptic spike reaches a plastic synapse one step
later, pre- and postsynaptic spikes of one step depress, and a spike is transmitted with the weight after that: of the
orders that were tried, these pass the authors' schedules. So that a spike finds the weight after its own step, plastic
synapses have a delay of 2 in place of 1, and the populations behind them are shifted by LATE.
"""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp

from snmem import LIF, Input, Network, Population, Projection, Recording, simulate
from snmem.plasticity import PairSTDP
from snmem.protocols.rows import expected, result, row
from snmem.protocols.spike_trains import draw_raster

DT, TAU_SYN, REST, REFRACTORY, TAU_STDP, MOST = 1e-3, 0.3e-3, -60.0, 1e-3, 3e-3, 6.0
SLOW, FAST, OUTPUT = (3e-3, 0.27, -57.0), (0.5e-3, 0.14, -57.0), (3e-3, 0.27, -57.5)  # tau_m, C_m in nF, threshold
CUES = {"CueCue": SLOW, "CueCont": FAST, "MergeCue": SLOW, "OutCue": OUTPUT}
BITS = {"ContCue": SLOW, "ContCond": FAST, "ContCont": SLOW, "MergeCont": SLOW, "OutCont": OUTPUT}
SYNAPSES = """cue CueCue one 6 1, content ContCue one 6 1, CueCue CueCont one 6 2, CueCue CueCont others -6 3,
    CueCont CueCont others -6 2, ContCue ContCond one 9 1, CueCue ContCond all -6 2, ContCue Interneuron all 6 1,
    Interneuron ContCond all 2 1, ContCond ContCont one 6 1, CueCue MergeCue one 6 3, CueCont MergeCue one 6 1,
    ContCue MergeCont one 6 3, ContCont MergeCont one 6 1, MergeCue OutCue one 6 1, MergeCont OutCont one 6 1,
    CueCue ContCue plastic 0 1, ContCont CueCont plastic 0 1"""  # from, to, pairs, weight in nA, delay in ms
LATE = dict.fromkeys(("ContCue", "ContCond", "Interneuron", "ContCont"), 1)
LATE |= dict.fromkeys(("CueCont", "MergeCue", "MergeCont", "OutCue", "OutCont"), 2)


def network(cues: int = 5, bits: int = 10, seed: int = 0) -> Network:
    """The empty memory for one-hot cues and contents of some bits; ``seed`` changes nothing."""
    sizes = dict.fromkeys(("cue", *CUES), cues) | dict.fromkeys(("content", *BITS), bits) | {"Interneuron": 1}
    cells, gain = dict[str, Any](), dict[str, float]()
    for name, (tau, c, theta) in (CUES | BITS | {"Interneuron": FAST}).items():
        cell = LIF.from_tau(tau, TAU_SYN, DT, theta=theta, v_rest=REST, refractory=REFRACTORY)
        # SpiNNaker's cell: a spike of weight w brings a current of w tau_syn / dt (1 - alpha) in its step
        gain[name] = float(TAU_SYN / DT * (1 - cell.alpha) * (1 - cell.beta) * tau * 1e3 / c)
        cells[name] = cell
    projections = []
    for pre, post, pairs, weight, delay in map(str.split, SYNAPSES.split(",")):
        ones, same = np.ones((sizes[post], sizes[pre])), np.eye(sizes[post], sizes[pre])
        pattern = sp.csr_array({"one": same, "others": bits * (ones - same)}.get(pairs, ones))
        pattern.data *= float(weight) * gain[post]
        most = MOST * gain[post]
        rule = PairSTDP.from_tau(
            TAU_STDP, TAU_STDP, DT, a_plus=most, a_minus=most, bounds=(0, most), pre_delay=0, first="post"
        )
        late = int(delay) + LATE.get(post, 0) - LATE.get(pre, 0)
        rule = rule if pairs == "plastic" else None
        projections.append(Projection(pre, post, pattern, late, rule, name=f"{pre}->{post} {pairs}"))
    inputs = (Input("cue", cues), Input("content", bits))
    return Network((*inputs, *(Population(n, sizes[n], cells[n]) for n in cells)), tuple(projections), dt=DT)


class Operation(NamedTuple):
    """A write of a cue and its content, held for three steps, or a read by one of both, in one step."""

    step: int
    cue: int | None
    content: tuple[int, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether both are given."""
        return self.cue is not None and bool(self.content)


#: Schedules of the authors: functional (10 ms an operation), and at the highest rate (7 ms a write, 6 ms a read).
FUNCTIONAL = (
    Operation(0, 0, (0, 1, 8, 9)), Operation(10, 4, (1, 5, 6)), Operation(20, 3, (4, 5, 6, 8)), Operation(30, 0),
    Operation(40, None, (6,)), Operation(50, None, (0, 4)), Operation(60, 3, (1, 3, 4, 8)), Operation(70, 3),
    Operation(80, None, (6,)),
)  # fmt: skip
FASTEST = (
    Operation(0, 4, (7, 8, 9)), Operation(7, 3, (6, 7, 8)), Operation(14, 2, (5, 6, 7)), Operation(21, 4),
    Operation(27, 3), Operation(33, 3, (0, 1, 5, 6, 7)), Operation(40, 2, (0, 1, 8, 9)), Operation(47, 3),
    Operation(53, 2),
)  # fmt: skip


def stress(cues: int = 5, bits: int = 10, interval: int = 14) -> list[Operation]:
    """Three rounds: write all cues, read by every cue, read by every bit; each complements the contents before.

    The content of cue i is i + 1 in binary.
    """
    contents = [tuple(b for b in range(bits) if (i + 1) >> b & 1) for i in range(cues)]
    inverse = [tuple(b for b in range(bits) if b not in content) for content in contents]
    what: list[tuple[Any, ...]] = []
    for content in (contents, inverse, contents):
        what += [*enumerate(content), *((i,) for i in range(cues)), *((None, (b,)) for b in range(bits))]
    return [Operation(interval * k, *each) for k, each in enumerate(what)]


def run(interval: int = 14, cues: int = 5, bits: int = 10, backend: str = "event", seed: int = 0) -> dict[str, float]:
    """The :func:`stress` schedule: operations, how many are right, and synaptic events; ``seed`` changes nothing."""
    operations = stress(cues, bits, interval)
    recording = record(operations, cues, bits, backend)
    events = sum(recording.counters.synaptic_events.values())
    return {"operations": len(operations), "right": sum(judge(operations, recording)), "events": events}


def record(operations: Sequence[Operation], cues: int = 5, bits: int = 10, backend: str = "event") -> Recording:
    """Carry out operations on an empty memory."""
    steps = operations[-1].step + 20
    inputs = {"cue": np.zeros((steps, cues)), "content": np.zeros((steps, bits))}
    for operation in operations:
        held = slice(operation.step, operation.step + (3 if operation.writes else 1))
        if operation.cue is not None:
            inputs["cue"][held, operation.cue] = 1
        inputs["content"][held, list(operation.content)] = 1
    return simulate(network(cues, bits), inputs, steps, backend)


def judge(operations: Sequence[Operation], recording: Recording) -> list[bool]:
    """Which operations gave what they must: a pair 5 steps after its write, the query 5 and the other half 6 after it.

    A cue gives the content it was last written with, a content all cues whose content shares a bit with it.
    """
    memory, right = dict[int, set[int]](), list[bool]()
    for step, cue, content in operations:
        asked_cue = set() if cue is None else {cue}
        if cue is not None and content:
            memory[cue] = set(content)
            right.append(_output(recording, step + 5) == (asked_cue, set(content)))
            continue
        cues = {i for i, known in memory.items() if known & set(content)}
        answer = (cues, set()) if cue is None else (set(), memory.get(cue, set()))
        right.append([_output(recording, step + n) for n in (5, 6)] == [(asked_cue, set(content)), answer])
    return right


def nothing_else(operations: Sequence[Operation], recording: Recording) -> list[bool]:
    """Which operations emit, from 5 to 9 steps after their start, nothing but what :func:`judge` asks for.

    A write may emit its pair again 7 steps after its start, as its spikes are held for three steps.
    """
    clean = []
    for right, operation in zip(judge(operations, recording), operations, strict=True):
        allowed = (5, 7) if operation.writes else (5, 6)
        pair = ({operation.cue}, set(operation.content))
        found = {n: _output(recording, operation.step + n) for n in range(5, 10)}
        extra = [n for n, emitted in found.items() if emitted != (set(), set()) and n not in allowed]
        again = not operation.writes or found[7] in (pair, (set(), set()))
        clean.append(right and again and not extra)
    return clean


def _output(recording: Recording, step: int) -> tuple[set[int], set[int]]:
    """Cues and bits that the memory emits for a step without the shift of its outputs."""
    found = (recording.spikes[name].between(step + LATE[name], step + LATE[name] + 1) for name in ("OutCue", "OutCont"))
    cue, content = (set(s.neuron.tolist()) for s in found)
    return cue, content


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """The authors' schedules, judged step by step; ``quick`` and ``seed`` change nothing.

    Scoring: an operation is right by the steps that :func:`judge` asks for. Scored by everything emitted
    (:func:`nothing_else`), the rewrite of the functional schedule is wrong: it emits two old bits once more.
    """
    began, rows = time.perf_counter(), list[dict[str, Any]]()
    events, files = dict[str, int](), list[str]()
    for name, operations in (("functional", FUNCTIONAL), ("highest rate", FASTEST), ("stress", stress())):
        report(f"{name}: {len(operations)} operations")
        recording = record(operations)
        right = judge(operations, recording)
        if out is not None and name == "stress":
            files.append(draw_raster(recording, out / "stress.png"))
        rows.append(row(f"{name}: operations that are right", sum(right), len(operations), 0))
        events[name] = sum(recording.counters.synaptic_events.values())
    again = sum(len(record(FUNCTIONAL).spikes[name].between(68, 69)) for name in ("OutCue", "OutCont"))
    rows.append(expected("functional: old bits that the rewrite emits once more", again, 2, 0))
    clean = sum(nothing_else(FUNCTIONAL, record(FUNCTIONAL)))
    rows.append(expected("functional: operations that are right and emit nothing else", clean, 8, 0))
    return result(rows, {"synaptic events": events}, files, seed, began)
