"""The page of a run in a browser: how large, how long to make, how long to open, frames a second while zooming.

Spikes at random are the hardest to write down: the size beside the entropy of the gaps says how near the page comes.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from snmem import Recording, Spikes, SpikingKWinnerMemory, simulate
from snmem.errors import MissingDependencyError
from snmem.spikes import Counters
from snmem.view import view

#: Neurons, and the share of them that spike in a step.
NEURONS, SHARE = 20_000, 0.125
#: Spikes of the run, quick or not.
SPIKES = {True: 10**6, False: 10**8}
#: Frames that are drawn while the view moves from all of the run to single spikes, and back.
FRAMES = 120
#: What the page zooms through, drawing one frame after the other.
_ZOOM = """async (frames) => {
  const { activity } = window.snmemPage, steps = activity.run.steps, times = [];
  const middle = steps * 0.37, far = Math.log(steps / 40);
  for (let n = 0; n < frames; n++) {
    const half = 20 * Math.exp(far * Math.abs(1 - 2 * n / frames));
    activity.show(middle - half, middle + half);
    const before = activity.frames;
    const began = performance.now();
    while (activity.frames === before) await new Promise((done) => requestAnimationFrame(done));
    times.push(performance.now() - began);
  }
  return times;
}"""


def random_run(spikes: int, seed: int = 0) -> Recording:
    """A run of neurons that spike at random, of about so many spikes."""
    gaps = np.random.default_rng(seed).geometric(SHARE, spikes).astype(np.int64)
    keys = np.cumsum(gaps) - 1
    steps = int(keys[-1] // NEURONS) + 1
    fired = Spikes.trusted(keys // NEURONS, keys % NEURONS, steps, NEURONS)
    return Recording("random", steps, {"neurons": fired}, {}, Counters({"neurons": len(fired)}, {}, {}), dt=1e-3)


def entropy() -> float:
    """Bits of a spike, if a share of the neurons spikes at random."""
    return float(-(SHARE * np.log2(SHARE) + (1 - SHARE) * np.log2(1 - SHARE)) / SHARE)


def chromium(playwright: Any) -> Any:
    """Start the Chromium of the system without a window and without a network."""
    names = (os.environ.get("SNMEM_BROWSER", ""), "chromium", "chromium-browser", "google-chrome")
    found = [path for name in names if name and (path := shutil.which(name))]
    if not found:
        raise MissingDependencyError(
            "bench view: there is no Chromium on the PATH; apt-get install chromium, or name one in SNMEM_BROWSER"
        )
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
    return playwright.chromium.launch(executable_path=found[0], args=[*quiet, "--disable-sync", "--no-first-run"])


def until(tab: Any, condition: str, argument: Any = None) -> None:
    """Wait, up to 10 minutes, until a condition of a page holds: an expression, or a function of ``argument``.

    Playwright's ``wait_for_function`` fails where it has to ask twice: the pages' security policy forbids ``eval``.
    """
    end = time.monotonic() + 600
    while not tab.evaluate(condition, argument):
        if time.monotonic() > end:
            raise TimeoutError(f"bench view: the page did not reach this within 10 minutes: {condition}")
        tab.wait_for_timeout(5)


def memory_run() -> Recording:
    """Recalls of a K-winner memory of 1,000 units, as `snmem demo` makes them."""
    memory = SpikingKWinnerMemory.for_patterns(1000, 50, seed=1)
    patterns = np.argsort(np.random.default_rng(0).random((10, 1000)), axis=1) < 50
    memory.store(patterns)
    inputs, steps = memory.recall_inputs(patterns)
    return simulate(memory.recall_network, inputs, steps)


def open_in_browser(page: Path, zoom: bool = True) -> dict[str, Any]:
    """Seconds until the page is ready and its first picture drawn, and the times of frames while it zooms."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, chromium(playwright) as browser:
        tab = browser.new_page(viewport={"width": 1280, "height": 900})
        began = time.perf_counter()
        tab.goto(page.as_uri())
        until(tab, "document.body.dataset.ready && window.snmemPage.activity.frames > 0")
        seconds = time.perf_counter() - began
        if not zoom:
            return {"open": seconds}
        tab.evaluate(_ZOOM, FRAMES)  # what the way needs is unpacked
        frames = np.array(tab.evaluate(_ZOOM, FRAMES)) / 1e3
        exact = tab.evaluate("document.body.dataset.exact")
    return {"open": seconds, "frames": frames, "exact": exact}


def bench_view(quick: bool, report: Callable[[str], None]) -> dict[str, Any]:
    """A raster of 10^8 random spikes (quick: 10^6) as a page: bytes, seconds to make and open, frames a second."""
    spikes = SPIKES[quick]
    report(f"{spikes:,} spikes at random")
    run = random_run(spikes)
    view(random_run(1000))  # compiles
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "raster.html"
        report("the page")
        began = time.perf_counter()
        size = view(run).save(page)
        made = time.perf_counter() - began
        report("the browser")
        seen = open_in_browser(page)
        report("the page of a memory, with its energy and latency")
        view(memory_run(), chips=["loihi1-nahuku", "spinnaker2"]).save(Path(folder) / "memory.html")
        priced = open_in_browser(Path(folder) / "memory.html", zoom=False)
    frames = seen["frames"]
    rows = [
        {"name": "size of the page", "value": size / 1e6, "target": 60.0, "unit": "MB"},
        {"name": "time to make it", "value": made, "target": 60.0, "unit": "s"},
        {"name": "time to open it", "value": seen["open"], "target": 3.0, "unit": "s"},
        {
            "name": "time to open the page of a memory with its costs",
            "value": priced["open"],
            "target": 3.0,
            "unit": "s",
        },
        {"name": "median frame while zooming", "value": float(np.median(frames)), "target": 1 / 30, "unit": "s"},
        {"name": "99 % of the frames", "value": float(np.quantile(frames, 0.99)), "target": None, "unit": "s"},
        {"name": "bits of a spike", "value": 8 * size / len(run.spikes["neurons"]), "target": None, "unit": "bit"},
        {"name": "entropy of a spike", "value": entropy(), "target": None, "unit": "bit"},
    ]
    for row in rows:
        row["ok"] = row["target"] is None or row["value"] <= row["target"]
    return {"spikes": spikes, "rows": rows, "ok": all(row["ok"] for row in rows)}
