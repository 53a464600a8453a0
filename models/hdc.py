"""Hyperdimensional codes: what a bundle of bound pairs holds, what lesions and errors take, and where codes fail.

Block codes (one of L units active in each of B blocks) stay sparse when they are bound and bundled; XOR and majority
of sparse codes do not, and rows say so. Beside them dense binary codes, MAP-I and MAP-B; and resonators, which find
the factors of a product. Nothing of this is published as a table: targets are those of an independent computation.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from snmem.hdc import Algebra, BinaryCodes, BlockCodes, MapB, MapI, algebra, resonator
from snmem.io.files import replace_file
from snmem.protocols.hypervectors import capacity_constant, membership, needed, recall
from snmem.protocols.rows import near, result, target

CANDIDATES, UNITS = 1000, 100
#: Share of 1000 candidates found right, by pairs, in 100 blocks of 100 units.
RECALLED = {2: 1.0, 5: 1.0, 10: 1.0, 20: 0.93, 30: 0.75, 50: 0.54}
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
ERRORS = (0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)
MEMBERS, DISTRACTORS, FAILURE = (5, 10, 20, 40, 80), 100, 0.01
#: c of D = c k ln(m / delta). Signs: z**2 / ln(m / delta) with m Q(z) = delta, times 2 (sums), times pi (majority), for
#: normal and independent noise. Block: an earlier run, as the noise of few equal blocks is far from normal.
CONSTANTS = {"block": (75.0, 8.0), "binary": (4.72, 0.6), "map-b": (4.72, 0.6), "map-i": (3.0, 0.5)}
#: Algebras as functions of their size: blocks, bits, signs.
SIZED: dict[str, Callable[[int], Algebra]] = {
    "block": lambda blocks: BlockCodes(blocks, UNITS),
    "binary": BinaryCodes,
    "map-b": MapB,
    "map-i": MapI,
}
FACTORS, CODEBOOKS = 3, (10, 20, 40, 60, 80, 120)


@dataclass(frozen=True)
class Effort:
    """How much is measured.

    trials, wide : bundles a point, of 10,000 and of 100,000 dimensions.    shares, errors : lesions and error rates.
    members, queries : sizes of bundles, and members asked for at each.    products, codebooks : of a resonator.
    """

    trials: int
    wide: int
    shares: tuple[float, ...]
    errors: tuple[float, ...]
    members: tuple[int, ...]
    queries: int
    products: int
    codebooks: tuple[int, ...]


QUICK = Effort(60, 3, (0.0, 0.5, 0.9), (0.0, 0.2, 0.4), (10, 40), 2000, 20, (20, 40))
FULL = Effort(400, 20, SHARES, ERRORS, MEMBERS, 8000, 100, CODEBOOKS)


def recall_rows(effort: Effort, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Recall by pairs, at 10,000 and 100,000 dimensions; and what keeping several units of a block adds."""
    narrow, wide = BlockCodes(100, UNITS), BlockCodes(1000, UNITS)
    found = {k: recall(narrow, k, CANDIDATES, effort.trials, seed) for k in RECALLED}
    more = {k: recall(wide, k, CANDIDATES, effort.wide, seed) for k in RECALLED}
    rows = [near(f"10,000 dimensions, {k} pairs: recalled", found[k], RECALLED[k], 0.03, "share") for k in RECALLED]
    rows += [near(f"100,000 dimensions, {k} pairs: recalled", more[k], 1.0, 0.005, "share") for k in RECALLED]
    kept = {keep: kept_recall(narrow, 50, keep, max(2, effort.trials // 10), seed) for keep in (1, 2, 4, 8)}
    return rows, {"10000": found, "100000": more, "50 pairs, units kept of each block": kept}


def kept_recall(codes: BlockCodes, pairs: int, keep: int, trials: int, seed: int) -> float:
    """Recall of pairs where the ``keep`` units with most votes of each block stay instead of one."""
    rng, right = np.random.default_rng(seed), 0
    for _ in range(trials):
        items, keys = codes.random(CANDIDATES, rng), codes.random(pairs, rng)
        values = rng.choice(CANDIDATES, pairs, replace=False)
        trace = codes.kept(codes.accumulate(codes.accumulator(), codes.bind(keys, items[values])), keep)
        similar = sum(codes.similarity(codes.unbind(layer, keys), items) for layer in trace)
        right += int((np.argmax(similar, 1) == values).sum())
    return right / (trials * pairs)


def sparse_failures(seed: int, size: int = 10_000, active: int = 100) -> list[dict[str, Any]]:
    """XOR and majority of codes with 1 % ones: density grows with every binding, bundles are empty."""
    rng, codes = np.random.default_rng(seed), BinaryCodes(size)
    bits = np.zeros((100, 9, size), bool)
    np.put_along_axis(bits, rng.random(bits.shape).argpartition(active, -1)[..., :active], True, -1)
    packed = codes.pack(bits)
    bound = {n: codes.unpack(np.bitwise_xor.reduce(packed[:, :n], axis=1)).mean() for n in (2, 8)}
    ones = codes.unpack(codes.bundle(packed)).sum(1).mean()
    blocks = BlockCodes(100, UNITS)
    group = blocks.random(9, rng)
    density = blocks.to_dense(blocks.bundle(blocks.bind(group[:8], group[1:]))).mean()
    return [
        near("fails: density of the XOR of 2 codes of density .01", bound[2], 0.0195, 0.0005, "share"),
        near("fails: density of the XOR of 8 codes of density .01", bound[8], 0.075, 0.001, "share"),
        near("fails: ones of the majority of 9 such codes", ones, 0.0, 0.01, "of 10,000"),
        near("block codes, bound and bundled: density", density, 0.01, 0.0, "share"),
    ]


def dead_blocks(codes: BlockCodes, share: float) -> Callable[[Any, np.random.Generator], Any]:
    """A lesion of whole blocks, for :func:`recall`."""

    def alter(trace: Any, rng: np.random.Generator) -> Any:
        dead = rng.permutation(codes.blocks) < share * codes.blocks
        return codes.silence(trace, np.repeat(dead, codes.units))

    return alter


def lesions(effort: Effort, seed: int) -> dict[str, Any]:
    """Recall of 10 pairs after lesions of the bundle and errors in it, by share."""
    wide, few = BlockCodes(1000, UNITS), max(2, effort.trials // 20)
    out: dict[str, Any] = {"share": effort.shares, "error": effort.errors}
    out["block, 100,000 dimensions, blocks silent"] = [
        recall(wide, 10, CANDIDATES, few, seed, dead_blocks(wide, share)) for share in effort.shares
    ]
    sized = {"block": BlockCodes(100, UNITS), "binary": BinaryCodes(), "map-b": MapB(), "map-i": MapI()}
    for name, codes in sized.items():

        def kill(trace: Any, rng: np.random.Generator, share: float, codes: Algebra = codes) -> Any:
            return codes.silence(trace, rng.random(codes.dimensions) < share)

        def hit(trace: Any, rng: np.random.Generator, rate: float, codes: Algebra = codes) -> Any:
            return codes.damage(trace, rate, rng)

        for what, change, points in (("silent", kill, effort.shares), ("errors", hit, effort.errors)):
            out[f"{name}, 10,000 dimensions, {what}"] = [
                recall(codes, 10, CANDIDATES, few, seed, lambda t, g, x=x, change=change: change(t, g, x))
                for x in points
            ]
    return out


def dimensions(effort: Effort, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Dimensions at which a member of a bundle beats all distractors with 99 %, and D = c k ln(m / delta)."""
    rows, raw = [], {}
    for name, of_size in SIZED.items():
        sizes = [needed(of_size, k, DISTRACTORS, 1 - FAILURE, effort.queries, seed) for k in effort.members]
        d = [of_size(size).dimensions for size in sizes]
        fit = capacity_constant(effort.members, d, DISTRACTORS, FAILURE)
        raw[name] = {"members": effort.members, "dimensions": d, **fit}
        c, tolerance = CONSTANTS[name]
        rows.append(near(f"{name}: dimensions for 99 %, c of D = c k ln(m / delta)", fit["c"], c, tolerance))
        rows.append(near(f"{name}: dimensions for 99 %, exponent of k", fit["exponent"], 1.0, 0.25))
    return rows, raw


def factorise(codes: Algebra, codebook: int, products: int, update: str, seed: int) -> float:
    """Share of products of FACTORS codes whose factors a resonator finds."""
    rng = np.random.default_rng(seed)
    books = [codes.random(codebook, rng) for _ in range(FACTORS)]
    index = rng.integers(0, codebook, (products, FACTORS))
    bound = books[0][index[:, 0]]
    for book, chosen in zip(books[1:], index[:, 1:].T, strict=True):
        bound = codes.bind(bound, book[chosen])
    return float((resonator(bound, books, codes, update).index == index).all(1).mean())


def resonators(effort: Effort, seed: int) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Products solved by codebook size: MAP-B with D = 1500, block codes of 10,000 dimensions; plain and softmax."""
    kinds: dict[str, Algebra] = {"map-b, D = 1500": MapB(1500), "block, 100 x 100": BlockCodes(100, UNITS)}
    solved = {
        f"{name}, {update}": [factorise(codes, m, effort.products, update, seed) for m in effort.codebooks]
        for name, codes in kinds.items()
        for update in ("plain", "softmax")
    }
    at = {size: effort.codebooks.index(size) for size in (20, 40)}
    plain, soft = ({name: solved[f"{name}, {update}"] for name in kinds} for update in ("plain", "softmax"))
    signs, block = kinds
    gain = {size: {name: soft[name][i] - plain[name][i] for name in kinds} for size, i in at.items()}
    rows = [
        target("resonator, 40**3 products, map-b, plain: solved", plain[signs][at[40]], 0.95, "share"),
        target("resonator, 20**3 products, block, softmax: gain over plain", gain[20][block], 0.2, "share"),
        target("fails: resonator, 40**3, map-b, softmax: gain over plain", gain[40][signs], -0.05, "share", False),
    ]
    return rows, {"codebook": effort.codebooks, "products": [m**FACTORS for m in effort.codebooks], "solved": solved}


def draw(raw: dict[str, Any], out: Path) -> list[str]:
    """Recall by pairs; after lesions and errors; dimensions needed; resonators."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), layout="constrained")
    (pairs, lost), (size, solved) = figure.subplots(2, 2)
    for name in ("10000", "100000"):
        pairs.plot(*zip(*raw["recalled"][name].items(), strict=True), marker="o", label=f"{int(name):,} dimensions")
    pairs.set(xlabel="pairs in the bundle", ylabel=f"recalled of {CANDIDATES}", ylim=(0, 1.03))
    for name, values in raw["lesions"].items():
        if name not in ("share", "error"):
            x, style = ("error", ":") if name.endswith("errors") else ("share", "-")
            lost.plot(raw["lesions"][x], values, style, marker="o", ms=3, label=name)
    lost.set(xlabel="share of dimensions silent, or in error", ylabel="recalled, 10 pairs", ylim=(0, 1.03))
    for name, fit in raw["dimensions"].items():
        size.loglog(fit["members"], fit["dimensions"], marker="o", label=name)
    size.set(xlabel="codes in the bundle", ylabel=f"dimensions for 99 % against {DISTRACTORS} others")
    for name, values in raw["resonators"]["solved"].items():
        solved.semilogx(raw["resonators"]["products"], values, marker="o", ms=3, label=name)
    solved.set(xlabel="possible products of 3 factors", ylabel="share solved", ylim=(-0.03, 1.03))
    for ax in (pairs, lost, size, solved):
        ax.legend(fontsize=7)
    with replace_file(out / "hdc.png") as file:
        figure.savefig(file, dpi=120, format="png")
    return [str(out / "hdc.png")]


def run(
    seed: int = 0, kind: str = "block", size: int = 100, pairs: int = 20, candidates: int = 1000, trials: int = 20
) -> dict[str, float]:
    """Recall of bound pairs in one algebra: ``size`` blocks of 100 units, bits or signs."""
    codes = SIZED[kind](size) if kind in SIZED else algebra(kind, size=size)
    share = recall(codes, pairs, candidates, trials, seed)
    return {"recalled": share, "dimensions": float(codes.dimensions), "bits": codes.bits}


def reproduce(
    quick: bool = False, seed: int = 0, out: Path | None = None, report: Callable[[str], None] = print
) -> dict[str, Any]:
    """Measure everything; ``quick``: fewer trials, resonators on up to 40**3 products."""
    began, effort = time.perf_counter(), QUICK if quick else FULL
    report(f"recall of up to {max(RECALLED)} bundled pairs")
    rows, recalled = recall_rows(effort, seed)
    rows += sparse_failures(seed)
    report("lesions and errors")
    lost = lesions(effort, seed)
    half = lost["block, 100,000 dimensions, blocks silent"][effort.shares.index(0.5)]
    rows.append(target("1000 blocks, 10 pairs, half of the blocks silent: recalled", half, 0.99, "share"))
    separated = membership(MapI(1000), 50, DISTRACTORS, 4 * effort.trials, seed)
    rows.append(near("map-i, D = 1000, 50 codes: above 100 distractors", separated, 0.96, 0.02, "share"))
    report("dimensions needed for 99 %, four algebras")
    fits, needs = dimensions(effort, seed)
    report("resonators")
    factors, solved = resonators(effort, seed)
    raw = {"recalled": recalled, "lesions": lost, "dimensions": needs, "resonators": solved}
    return result(rows + fits + factors, raw, draw(raw, out) if out else [], seed, began)
