"""Operations on hypervectors of 10,000 dimensions beside torchhd, on one thread, in one run.

Dense binary codes: ours are packed into 64-bit words, torchhd's hold a byte for each bit (BSC), or signs in float32
(MAP), whose similarity is a matrix product; the faster of the two counts. Results are compared before they are timed.
Ratios of the other algebras are shown beside them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from snmem.errors import MissingDependencyError
from snmem.hdc import BinaryCodes, BlockCodes, MapB

SIZE, MEMORY, GROUP = 10_000, 10_000, 100
#: Seconds that each operation is timed for, at least, in each of several rounds.
SLICE, ROUNDS = 0.02, 7
Work = Callable[[], Any]


def _torchhd() -> tuple[Any, Any]:
    try:
        import torch
        import torchhd
    except ImportError:
        raise MissingDependencyError("bench hdc: package 'torchhd' is absent; pip install torch-hd") from None
    return torch, torchhd


def seconds(works: list[Work]) -> list[float]:
    """Least seconds of each, taken in turns so that all meet the same state of the machine."""
    repeats = []
    for work in works:
        work()
        began = time.perf_counter()
        work()
        repeats.append(max(1, int(SLICE / (time.perf_counter() - began + 1e-9))))
    best = [np.inf] * len(works)
    for _ in range(ROUNDS):
        for i, (work, count) in enumerate(zip(works, repeats, strict=True)):
            began = time.perf_counter()
            for _ in range(count):
                work()
            best[i] = min(best[i], (time.perf_counter() - began) / count)
    return [float(s) for s in best]


def compare(name: str, ours: Work, theirs: dict[str, Work], judged: bool = True) -> dict[str, Any]:
    """A row: how many times faster we are than the fastest of theirs."""
    took = seconds([ours, *theirs.values()])
    ratio = min(took[1:]) / took[0]
    raw = {"snmem_us": 1e6 * took[0]}
    raw |= {f"torchhd_{kind}_us": 1e6 * s for kind, s in zip(theirs, took[1:], strict=True)}
    row = {"name": f"{name}: times faster than torchhd", "value": ratio, "target": 1.0 if judged else "shown"}
    return {**row, "unit": "ratio", "ok": ratio >= 1 or not judged, "raw": raw}


def bench_hdc(quick: bool = False, report: Callable[[str], None] | None = None) -> dict[str, Any]:
    """Rows for bind, bundle, similarity and permute; ``quick``: a memory of 1,000 codes."""
    say = report or (lambda _: None)
    torch, torchhd = _torchhd()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        say(f"packed bits, {SIZE} dimensions")
        rows = binary_rows(torch, torchhd, MEMORY // 10 if quick else MEMORY)
        say("block codes and signs")
        rows += other_rows(torch, torchhd)
    finally:
        torch.set_num_threads(threads)
    return {"rows": rows, "ok": all(row["ok"] for row in rows), "torchhd": torchhd.__version__}


def binary_rows(torch: Any, torchhd: Any, memory: int) -> list[dict[str, Any]]:
    """Dense binary codes against BSC and MAP tensors of the same bits."""
    codes = BinaryCodes(SIZE)
    packed, query = codes.random(memory, 0), codes.random(1, 1)[0]
    bits = torchhd.BSCTensor(torch.from_numpy(codes.unpack(packed)))
    signs = torchhd.MAPTensor(1 - 2 * bits.as_subclass(torch.Tensor).float())
    bit = torchhd.BSCTensor(torch.from_numpy(codes.unpack(query)))
    sign = torchhd.MAPTensor(1 - 2 * bit.as_subclass(torch.Tensor).float())
    odd = GROUP - 1  # even groups have ties, which torchhd settles by lot
    assert np.array_equal(codes.unpack(codes.bind(packed[0], query)), torchhd.bind(bits[0], bit).numpy())
    assert np.array_equal(codes.unpack(codes.bundle(packed[:odd])), torchhd.multiset(bits[:odd]).numpy())
    dots = torchhd.dot_similarity(sign, signs).numpy() / SIZE
    assert np.allclose(codes.similarity(query, packed), dots, atol=1e-6)
    return [
        compare(
            "bind",
            lambda: codes.bind(packed[0], query),
            {"bsc": lambda: torchhd.bind(bits[0], bit), "map": lambda: torchhd.bind(signs[0], sign)},
        ),
        compare(
            f"bundle of {GROUP}",
            lambda: codes.bundle(packed[:GROUP]),
            {
                "bsc": lambda: torchhd.multiset(bits[:GROUP]),
                "map": lambda: torchhd.normalize(torchhd.multiset(signs[:GROUP])),
            },
        ),
        compare(
            f"similarity to {memory} codes",
            lambda: codes.similarity(query, packed),
            {
                "bsc": lambda: torchhd.hamming_similarity(bit, bits),
                "map": lambda: torchhd.dot_similarity(sign, signs),
            },
        ),
        compare(
            "permute",
            lambda: codes.permute(query),
            {"bsc": lambda: torchhd.permute(bit), "map": lambda: torchhd.permute(sign)},
            judged=False,
        ),
    ]


def other_rows(torch: Any, torchhd: Any, memory: int = 1000) -> list[dict[str, Any]]:
    """Block codes against BSBC, MAP-B against MAP; shown, not judged."""
    blocks, signs = BlockCodes(100, SIZE // 100), MapB(SIZE)
    units, values = blocks.random(memory, 0), signs.random(memory, 0)
    theirs = torch.from_numpy(units.astype(np.int64)).as_subclass(torchhd.BSBCTensor)
    theirs.block_size = blocks.units
    first, second = (theirs[i].as_subclass(torchhd.BSBCTensor) for i in (0, 1))
    first.block_size = second.block_size = blocks.units
    floats = torchhd.MAPTensor(torch.from_numpy(values.astype(np.float32)))
    assert np.array_equal(blocks.bind(units[0], units[1]), torchhd.bind(first, second).numpy())
    pairs: list[tuple[str, Work, Work]] = [
        ("block, bind", lambda: blocks.bind(units[0], units[1]), lambda: torchhd.bind(first, second)),
        (f"block, bundle of {GROUP}", lambda: blocks.bundle(units[:GROUP]), lambda: torchhd.multiset(theirs[:GROUP])),
        ("map-b, bind", lambda: signs.bind(values[0], values[1]), lambda: torchhd.bind(floats[0], floats[1])),
        (
            f"map-b, similarity of 100 to {memory} codes",
            lambda: signs.similarity(values[:100], values),
            lambda: torchhd.cosine_similarity(floats[:100], floats),
        ),
    ]
    return [compare(name, ours, {"same": peer}, judged=False) for name, ours, peer in pairs]
