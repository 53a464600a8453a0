"""The K-winner memory with weights of 8, 4, 2 and 1 bits, at equal numbers of weights: what precision is worth.

Goes beyond Bhandarkar & McClelland 2025, "Neural Computation Without Slots", arXiv 2511.04593; the experiment is that
of its figure 4. Two kinds of weights of few bits:

* learned: the memory never has others. Learning moves a weight to one of the two values beside the exact one, at
  random, so that it is right on average (1 bit: a winner's synapse takes the pattern's bit with probability rate).
* rounded: learned in float64, then rounded to the nearest value for recall, as when a memory is put on a chip.

Nothing of this is published. Wanted at 8 and 4 bits is the memory in float64, within 0.02 of accuracy; at fewer bits
the finding of our own full run.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from snmem.memory import KWinnerConfig, KWinnerMemory
from snmem.protocols import published as paper
from snmem.protocols.curves import band_mean, draw_curves, summary
from snmem.protocols.retention import Build, Changed, Protocol, Retention, retention
from snmem.protocols.rows import expected, finding, result

FLOAT, KINDS, BITS, SHARES = "float64", ("learned", "rounded"), (8, 4, 2, 1), (1.0, 0.5)
BANDS, TOLERANCE = ((1, 10), (11, 50)), 0.02
#: Share of float64's d' at ages 11-200 that is kept, in our full run.
FINDING = {(kind, bits): "at least 60%" if bits == 2 else "less than 60%" for kind in KINDS for bits in BITS[2:]}


def maker(kind: str, bits: int) -> Build:
    """Return what makes the memory of a run."""
    if kind == "learned":
        return lambda config, rng: KWinnerMemory(replace(config, bits=bits), rng)
    return lambda config, rng: Changed(KWinnerMemory(config, rng), lambda memory: memory.rounded(bits))


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Run the memory at every precision, on the same patterns and synapses."""
    began = time.perf_counter()
    protocol, config = Protocol.quick() if quick else Protocol(samples=2), KWinnerConfig.main()
    makers: dict[str, Build] = {FLOAT: KWinnerMemory}
    makers |= {f"{bits} bits, {kind}": maker(kind, bits) for kind in KINDS for bits in BITS}
    found: dict[str, dict[float, Retention]] = {}
    for name, build in makers.items():
        report(f"{name}: {protocol.samples * protocol.runs} runs of {protocol.burn_in + protocol.scored} patterns")
        found[name] = retention(config, SHARES, protocol, seed + 80, build=build)
    rows = [r for kind in KINDS for bits in BITS for share in SHARES for r in precision_rows(found, kind, bits, share)]
    raw = {f"{n}, {s:.0%} cues": summary(x, paper.BANDS) for n, shares in found.items() for s, x in shares.items()}
    files = []
    if out:
        for kind in KINDS:
            names = [FLOAT, *(name for name in makers if name.endswith(kind))]
            panels = {f"{s:.0%} cues": {n: found[n][s].stored.mean(axis=1) for n in names} for s in SHARES}
            files.append(draw_curves(panels, out / f"bits-{kind}.png", "accuracy", limits=(0.0, 1.02)))
    return result(rows, raw, files, seed, began)


def precision_rows(
    found: dict[str, dict[float, Retention]], kind: str, bits: int, share: float
) -> list[dict[str, Any]]:
    """Rows of one precision beside float64."""
    name = f"{bits} bits, {kind}"
    ours, exact = found[name][share], found[FLOAT][share]
    title = f"{name}, {share:.0%} cues"
    if bits >= 4:
        values = [[band_mean(x.accuracy(), band) for x in (ours, exact)] for band in BANDS]
        rows = [
            expected(f"{title}: accuracy at ages {band[0]}-{band[1]}, to that of {FLOAT}", *pair, TOLERANCE)
            for band, pair in zip(BANDS, values, strict=True)
        ]
        return [*rows, expected(f"{title}: accuracy, never stored", ours.baseline(), exact.baseline(), TOLERANCE)]
    effect = [float(np.median(x.d_prime()[:, 10:200])) for x in (ours, exact)]
    word = "at least 60%" if effect[0] >= 0.6 * effect[1] else "less than 60%"
    title += f": share of the d' of {FLOAT} at ages 11-200 that is kept ({effect[0]:.2f} of {effect[1]:.2f})"
    return [finding(title, word, FINDING[kind, bits])]
