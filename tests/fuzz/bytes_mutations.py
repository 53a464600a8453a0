"""Changes of bytes that know no format."""

from __future__ import annotations

import random

_WORDS = (0, 1, 7, 8, 2**15, 2**16 - 1, 2**31 - 1, 2**32 - 1, 2**32, 2**48, 2**63 - 1, 2**64 - 1)


def simple(rng: random.Random, out: bytearray, kind: str, at: int) -> bool:
    """Change bytes at a place, if ``kind`` is one of those that any file may meet; returns whether it is."""
    if kind == "bit":
        out[at] ^= 1 << rng.randrange(8)
    elif kind == "bytes":
        for _ in range(rng.randint(1, 30)):
            out[rng.randrange(len(out))] = rng.randrange(256)
    elif kind == "cut":
        del out[at:]
    elif kind in ("zeros", "ones"):
        count = rng.randint(1, 200)
        out[at : at + count] = (b"\0" if kind == "zeros" else b"\xff") * count
    elif kind == "splice":
        other, count = rng.randrange(len(out)), rng.randint(1, 500)
        out[at : at + count] = out[other : other + count]
    else:
        return False
    return True


def damage(rng: random.Random, data: bytes) -> bytes:
    """Flip, overwrite, cut, repeat or move some bytes."""
    out = bytearray(data or b"\0")
    kind, at = rng.choice(["bit", "bytes", "cut", "zeros", "ones", "splice", "repeat", "word", "word"]), 0
    at = rng.randrange(len(out))
    if simple(rng, out, kind, at):
        return bytes(out)
    if kind == "repeat":
        count = rng.randint(1, 300)
        out[at:at] = out[at : at + count] * rng.choice([1, 1, 2, 50])
    else:  # a size, count or offset
        at -= at % rng.choice([1, 2, 4, 8])
        width = rng.choice([1, 2, 4, 8])
        value = rng.choice([*_WORDS, at, len(out), rng.randrange(len(out))])
        out[at : at + width] = (value % 256**width).to_bytes(width, "little")
    return bytes(out)
