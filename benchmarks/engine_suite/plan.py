"""Which engine runs which case, for how many steps, and how much faster the event engine has to be."""

from __future__ import annotations

from typing import Any

#: Our engine, and how ``simulate`` is called for it.
OURS: dict[str, dict[str, Any]] = {
    "event": {}, "event, closed form": {"exact": False}, "event, 2 threads": {"threads": 2},
    "event, closed form, 2 threads": {"exact": False, "threads": 2},
}  # fmt: skip
TITLES = {
    "event": "snmem", "event, closed form": "snmem, exact=False", "event, 2 threads": "snmem, 2 threads",
    "event, closed form, 2 threads": "snmem, exact=False, 2 threads",
    "brian2_cpp": "Brian2 C++", "brian2_cython": "Brian2 Cython", "nest": "NEST", "snntorch": "snnTorch",
    "lava": "Lava",
}  # fmt: skip
#: case -> engine -> steps (0 = all): fewer for slow engines. Cython, which compiles for minutes, in (a) and (b) only.
FULL: dict[str, dict[str, int]] = {
    "balanced": {"event": 0, "event, 2 threads": 0, "brian2_cpp": 0, "brian2_cython": 0, "nest": 0, "snntorch": 20,
                 "lava": 100},
    "balanced-quiet": {"event": 0, "brian2_cpp": 0, "brian2_cython": 0, "nest": 0, "lava": 100},
    "million": {"event": 0, "event, closed form": 0, "event, 2 threads": 0, "event, closed form, 2 threads": 0,
                "brian2_cpp": 500, "nest": 500, "snntorch": 20, "lava": 20},
    "memory": {"event": 0, "brian2_cpp": 0, "nest": 0, "snntorch": 123, "lava": 1025},
    "convolutional": {"event": 0, "brian2_cpp": 0, "nest": 0, "snntorch": 100, "lava": 200},
    "plastic": {"event": 0, "brian2_cpp": 0, "nest": 0, "snntorch": 0, "lava": 100},
}  # fmt: skip
QUICK: dict[str, dict[str, int]] = {
    "balanced": {"event": 0, "event, 2 threads": 0, "brian2_cpp": 0, "nest": 0, "lava": 20},
    "balanced-quiet": {"event": 0, "nest": 0},
    "million": {"event": 0, "event, closed form": 0, "nest": 500},
    "memory": {"event": 0},
    "convolutional": {"event": 0, "nest": 0},
    "plastic": {"event": 0, "nest": 0},
}
#: Runs where they are not 5 of the event engine and of Brian2's binary, and 1 of the others.
REPEATS = {("million", "brian2_cpp"): 2}
#: Times as fast as a peer, at least.
TARGETS = {
    ("balanced", "brian2_cpp"): 2, ("balanced", "nest"): 30, ("balanced-quiet", "brian2_cpp"): 2,
    ("balanced-quiet", "nest"): 20, ("million", "brian2_cpp"): 10, ("million", "nest"): 10,
}  # fmt: skip
#: Two runs' rates are close where they differ by less than this share.
CLOSE = 0.1
