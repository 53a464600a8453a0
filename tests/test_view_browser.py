"""Pages in a real browser: opened as files, zoomed, hovered and read, and compared with the data they were made of.

What each page looks like is kept in ``build/screenshots``, at two widths, light and dark.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from snmem import LIF, Input, Network, Population, Projection, Recording, simulate
from snmem.installation.content import load_script
from snmem.view import View, blobs, view

until = load_script("benchmarks", "view").until

SCREENSHOTS = Path(__file__).parent.parent / "build" / "screenshots"
WIDTHS = {"wide": 1280, "phone": 390}
NAME = "h <b>&amp;{{title}}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright, load_script("benchmarks", "view").chromium(playwright) as browser:
        yield browser


@pytest.fixture(scope="module")
def run() -> Recording:
    rng = np.random.default_rng(0)
    net = Network(
        (Input("x", 40), Population(NAME, 300, LIF(alpha=0.5, beta=0.9)), Population("out", 5, LIF(beta=0.95))),
        (
            Projection("x", NAME, rng.random((300, 40)) * 0.3),
            Projection(NAME, NAME, -rng.random((300, 300)) * 0.01),
            Projection(NAME, "out", rng.random((5, 300)) * 0.02, delay=3),
        ),
        ("out",),
    )
    record = {f"{NAME}.v": [0, 7], "out.v": True}
    return simulate(net, {"x": rng.random((4000, 40)) < 0.05}, record=record)


def opened(browser: Browser, path: Path, width: int = 1280, scheme: Any = "light") -> Page:
    """The page, drawn; a script error or a blocked request fails the test."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(600_000)
    page = context.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.goto(path.as_uri())
    until(page, "document.body.dataset.ready")
    until(page, "!window.snmemPage?.activity || window.snmemPage.activity.frames > 0")
    assert page.locator("body").get_attribute("data-ready") == "true", page.locator("main").inner_text()
    assert not wrong
    return page


def look(page: Page, name: str) -> None:
    """Keep a picture of the page."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=True)


def shown(page: Page, start: int, stop: int) -> None:
    """Type the steps to show, and wait until every spike of them is drawn."""
    page.get_by_label("first step shown").fill(str(start))
    page.get_by_label("step after the last shown").fill(str(stop))
    page.keyboard.press("Tab")
    until(
        page,
        "([a, b]) => { const v = window.snmemPage.activity; return v.view.from === a && v.view.to === b && "
        "v.result.exact && !v.pending; }",
        [start, stop],
    )


def hover(page: Page, name: str, step: int, neuron: int) -> str:
    """Point at a neuron's step in the raster; what the page says of it."""
    x, y = page.evaluate(
        """([name, step, neuron]) => {
          const a = window.snmemPage.activity, box = a.canvas.getBoundingClientRect(), plot = box.height - 26;
          const lane = a.lanes.find((l) => l.name === name), high = a.view.high - a.view.low;
          const row = lane.top + (lane.bottom - lane.top) * (1 - (neuron + 0.5) / lane.size);
          return [box.left + a.gutter + (step + 0.5 - a.view.from) / (a.view.to - a.view.from) * (box.width - a.gutter),
                  box.top + (row - a.view.low) / high * plot];
        }""",
        [name, step, neuron],
    )
    page.mouse.move(x, y)
    return page.locator("#value").inner_text()


@pytest.fixture(scope="module")
def path(run: Recording, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "run.html"
    run.view(path, title="A run")
    return path


def test_hovering_tells_the_spikes_of_the_recording(browser: Browser, path: Path, run: Recording) -> None:
    page = opened(browser, path)
    shown(page, 1000, 1040)
    spikes = {name: set(zip(s.step.tolist(), s.neuron.tolist(), strict=True)) for name, s in run.spikes.items()}
    rng = np.random.default_rng(1)
    for name in spikes:  # the wheel has zoomed so far that each neuron is some pixels high
        places = [p for p in sorted(spikes[name]) if 1001 <= p[0] < 1039]
        places += [(int(s), int(n)) for s, n in zip(rng.integers(1001, 1039, 9), rng.integers(0, 5, 9), strict=True)]
        for step, neuron in places[:: max(len(places) // 6, 1)]:
            page.evaluate(
                """([name, neuron]) => {
                  const a = window.snmemPage.activity, lane = a.lanes.find((l) => l.name === name);
                  const tall = (lane.bottom - lane.top) / lane.size, at = lane.bottom - (neuron + 0.5) * tall;
                  a.show(a.view.from, a.view.to, at - 10 * tall, at + 10 * tall);
                  a.frame(1e7);
                }""",
                [name, neuron],
            )
            near = {p for p in spikes[name] if p[0] == step and p[1] == neuron}
            told = hover(page, name, step, neuron)
            assert told.startswith(f"{name}: neuron {neuron}, step {step} ("), told
            assert told.endswith(": spike" if near else ": no spike"), told


def test_zoomed_out_cells_tell_the_counts_of_the_recording(browser: Browser, path: Path, run: Recording) -> None:
    page = opened(browser, path)
    exact, told = page.evaluate(  # at once, since a page at rest is drawn again, with every spike
        "() => { const a = window.snmemPage.activity, l = a.lanes[1]; a.frame(0);"
        " return [document.body.dataset.exact, a.at(2000, (l.top + l.bottom) / 2, 1000)]; }"
    )
    assert exact == "false"  # no spike is drawn by itself
    name, low, high, first, last, count = re.fullmatch(  # type: ignore[union-attr]
        r"(.+): neurons (\d+) to (\d+), steps (\d+) to (\d+) \(.*\): ([\d,]+) spikes", told
    ).groups()
    s = run.spikes[name]
    inside = (s.neuron >= int(low)) & (s.neuron <= int(high)) & (s.step >= int(first)) & (s.step <= int(last))
    assert int(count.replace(",", "")) == inside.sum() > 0


def test_keys_and_wheel_move_all_plots_together(browser: Browser, path: Path, run: Recording) -> None:
    page = opened(browser, path)
    view_of = "(() => { const v = window.snmemPage.activity.view; return [v.from, v.to, v.low, v.high]; })()"
    assert page.evaluate(view_of) == [0, 4000, 0, 1]
    page.locator("#raster").focus()
    for key, expected in {
        "+": [1000, 3000, 0, 1],
        "ArrowRight": [1250, 3250, 0, 1],
        "-": [0, 4000, 0, 1],
        "PageUp": [0, 4000, 0.25, 0.75],
        "Home": [0, 4000, 0, 1],
    }.items():
        page.keyboard.press(key)
        assert page.evaluate(view_of) == expected
    box = page.locator("#rates").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.wheel(0, -400)
    until(page, "window.snmemPage.activity.view.to < 4000")
    shown(page, 1000, 1040)
    page.locator("#raster").focus()
    page.keyboard.press("]")
    first = min(int(s.step[np.searchsorted(s.step, 1000)]) for s in run.spikes.values())
    assert f"step {first} (" in page.locator("#value").inner_text()


def test_rates_and_traces_are_those_of_the_recording(browser: Browser, path: Path, run: Recording) -> None:
    page = opened(browser, path)
    shown(page, 1000, 1040)
    said = page.evaluate("window.snmemPage.activity.ratesAt(1017.5)")
    for name, s in run.spikes.items():
        expected = (s.step == 1017).sum() / s.size / 1e-3
        assert f"{name} {expected:.4g}" in re.sub(r"(\.\d*?)0+(?= Hz)", r"\1", said).replace(". Hz", " Hz")
    page.evaluate("window.snmemPage.activity.traces[0].tell(1017.5, window.snmemPage.activity)")
    told = page.locator(".trace-value").first.inner_text()
    values = [float(v) for v in re.findall(r"neuron \d+: (-?[\d.e-]+)", told)]
    assert values == pytest.approx(run.traces[f"{NAME}.v"][1017], rel=1e-5)


@pytest.fixture(scope="module")
def whole(run: Recording, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, View]:
    """A page with all sections: priced on two chips, beside a runtime that differs."""
    path = tmp_path_factory.mktemp("pages") / "whole.html"
    differing = {"cells": 10, "differing": 3, "first_step": 417, "reason": "float32"}
    backends = {
        "event": {
            "status": "ran",
            "reason": None,
            "populations": {NAME: {**differing, "differing": 0, "first_step": None}},
        },
        "mine": {"status": "ran", "reason": None, "populations": {NAME: differing}},
        "lava": {"status": "absent", "reason": "not installed", "populations": {}},
    }
    verdict = {"verdict": "differ", "baseline": "reference", "steps": 4000, "evidence": {}, "backends": backends}
    page = run.view(path, chips=["loihi1-nahuku", "spinnaker2"], verdict=verdict)
    return path, page


def test_the_sections_say_what_the_data_hold(browser: Browser, whole: tuple[Path, View], run: Recording) -> None:
    page, data = opened(browser, whole[0]), whole[1].data
    page.get_by_role("tab", name="Network").click()
    events = int(run.network[f"x->{NAME}"].fan_out @ run.spikes["x"].counts())
    page.get_by_role("button", name=f"x->{NAME}").focus()
    told = page.locator("#graph-value")
    assert f"{events:,}" in told.inner_text()
    assert "weights from" in (told.locator("svg").get_attribute("aria-label") or "")
    page.get_by_role("tab", name="Chip").click()
    page.get_by_label("colour cores by").select_option("synaptic_events")
    page.locator("#chip-map").focus()
    columns = data["chip"]["columns"]
    for core in range(min(3, len(columns["core"]))):
        assert f"{columns['synaptic_events'][core]:,}" in page.locator("#core-value").inner_text()
        page.keyboard.press("ArrowRight")
    page.get_by_role("tab", name="Energy").click()
    text = page.locator("#cost").inner_text()
    assert f"{sum(columns['synaptic_events']):,}" in text
    assert "spinnaker2" in text
    page.get_by_role("tab", name="Conformance").click()
    assert "differ" in page.locator("#verdict").inner_text()
    page.get_by_role("button", name="mine differs").click()
    assert (
        page.evaluate("window.snmemPage.activity.view.from")
        <= 417
        <= page.evaluate("window.snmemPage.activity.view.to")
    )
    assert page.locator("#activity").is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_pages_fit_the_window_and_name_what_they_show(
    browser: Browser, whole: tuple[Path, View], width: str, scheme: str
) -> None:
    page = opened(browser, whole[0], WIDTHS[width], scheme)
    for section in page.evaluate("[...document.querySelectorAll('main > section')].map((s) => s.id)"):
        page.evaluate("(id) => window.snmemPage.choose(id)", section)
        page.wait_for_timeout(60)
        look(page, f"{section}-{width}-{scheme}")
        assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width]
        nameless = page.evaluate(
            """() => [...document.querySelectorAll('button, input, select, canvas, svg, [tabindex]')]
              .filter((e) => e.offsetParent)
              .filter((e) => !(e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length))
              .map((e) => e.outerHTML)"""
        )
        assert nameless == []
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", background))) < 200) == (scheme == "dark")
    page.get_by_role("button", name=re.compile("colours")).click()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != background


def test_a_page_of_characters_reads_as_the_small_one(
    browser: Browser, run: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What large pages are written in, and what is said where a server calls it something else."""
    monkeypatch.setattr(blobs, "LARGE", 0)
    page = run.view(tmp_path / "run.html")
    assert page.data["encoding"] == "windows-1252"
    counts = """async () => Promise.all(window.snmemPage.activity.lanes.map(async (lane) => {
      let n = 0, sum = 0;
      for (let i = 0; i < lane.tiles.count.length; i++) {
        const { step, neuron } = await lane.load(i);
        step.forEach((s, k) => { n++; sum = (sum * 31 + s * 7 + neuron[k]) % 1000003; });
      }
      return [n, sum];
    }))"""
    found = opened(browser, tmp_path / "run.html").evaluate(counts)
    assert [n for n, _ in found] == [len(s) for s in run.spikes.values()]
    assert found == opened(browser, _small(run, tmp_path, monkeypatch)).evaluate(counts)
    other = (tmp_path / "run.html").read_bytes().replace(b'charset="windows-1252"', b'charset="utf-8"')
    (tmp_path / "other.html").write_bytes(other)
    tab = browser.new_page()
    tab.goto((tmp_path / "other.html").as_uri())
    until(tab, "document.body.dataset.ready")
    assert "is windows-1252: open it as a file" in tab.get_by_role("alert").inner_text()


def _small(run: Recording, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.undo()
    view(run).save(folder / "small.html")
    return folder / "small.html"
