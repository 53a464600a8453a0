"""A page of a run: it holds every spike, no text becomes markup, and the verb reads what other verbs wrote."""

import json
import re
import zlib
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import sparse

from snmem import LIF, Input, Network, Population, Projection, Record, Spikes, cost, open_recording, simulate
from snmem.cli import main
from snmem.cost import load_chip, place_in_order
from snmem.errors import FileError, InputError
from snmem.installation.content import load_script
from snmem.nir_io import write_nir
from snmem.view import View, blobs, perfetto, view
from snmem.view._view import view_report
from snmem.view.blobs import Blobs
from snmem.view.chip import add_loads, chip_map
from snmem.view.perfetto import write_trace
from snmem.view.raster import add_raster

PAIRS = {b"}": b"=", b"@": b"\0", b"M": b"\r", b"|": b"<"}


def read_blocks(page: bytes, encoding: str) -> list[bytes]:
    """The bytes of a page, read as its script reads them."""
    texts = re.findall(rb'<script class="blob" type="text/plain">(.*?)</script>', page, re.DOTALL)
    if encoding == "utf-8":
        return [b64decode(text) for text in texts]
    return [re.sub(rb"=(.)", lambda found: PAIRS[found[1]], text, flags=re.DOTALL) for text in texts]


def read_tiles(blocks: list[bytes], lane: dict[str, Any]) -> Iterator[tuple[int, int]]:
    """Every spike of a population (step, neuron), tile by tile, as the script of the page reads them."""
    tiles, grid = lane["tiles"], lane["grid"]
    for i, (block, first, length) in enumerate(tiles["at"]):
        data, rests, shift = blocks[block][first : first + length], tiles["rests"][i], tiles["shift"][i]
        quotients = zlib.decompress(data[: length - rests])
        bits = int.from_bytes(data[length - rests :], "little")
        key, at = -1, 0
        for n in range(tiles["count"][i]):
            quotient = quotients[at]
            at += 1
            if quotient == 255:
                quotient = int.from_bytes(quotients[at : at + 4], "little")
                at += 4
            key += (quotient << shift) + (bits >> (n * shift)) % (1 << shift) + 1
            major, minor = divmod(key, grid["long"] if tiles["by_neuron"][i] else grid["high"])
            step, neuron = (minor, major) if tiles["by_neuron"][i] else (major, minor)
            yield step + tiles["block"][i] * grid["long"], neuron + tiles["band"][i] * grid["high"]


def cells_of(blocks: list[bytes], lane: dict[str, Any]) -> np.ndarray:
    block, first, length = lane["cells"]["at"]
    counts = np.frombuffer(zlib.decompress(blocks[block][first : first + length]), "<u4")
    return counts.reshape(lane["cells"]["rows"], lane["cells"]["columns"])


@st.composite
def rasters(draw: st.DrawFn) -> Spikes:
    """Few and many spikes, in lines, in volleys, far apart."""
    size, steps = draw(st.sampled_from([1, 7, 600, 20_000])), draw(st.sampled_from([1, 50, 3000, 10**6]))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    count = min(draw(st.sampled_from([0, 1, 40, 3000])), size * steps)
    regular = draw(st.booleans())
    keys = np.arange(count) * (size * steps // max(count, 1)) if regular else rng.integers(0, size * steps, count)
    keys = np.unique(np.concatenate([keys, np.arange(size) if draw(st.booleans()) else []])).astype(np.int64)
    return Spikes.trusted(keys // size, keys % size, steps, size)


@given(rasters(), st.integers(1, 256), st.integers(1, 4096))
@example(Spikes.trusted(np.repeat(np.arange(2000), 4), np.tile([1, 5, 6, 900], 2000), 2000, 1000), 10, 100)
def test_every_spike_is_in_the_page(spikes: Spikes, rows: int, columns: int) -> None:
    kept = Blobs()
    lane = add_raster(kept, spikes, rows, columns)
    blocks = [b64decode(text) for text in kept.texts()]
    found = sorted(read_tiles(blocks, lane))
    assert found == list(zip(spikes.step.tolist(), spikes.neuron.tolist(), strict=True))
    grid, cells = lane["grid"], cells_of(blocks, lane)
    counts = np.zeros_like(cells)
    np.add.at(counts, (spikes.neuron // grid["tall"], spikes.step // grid["wide"]), 1)
    assert np.array_equal(cells, counts)


def test_spikes_at_random_take_little_more_than_their_entropy() -> None:
    for share, bits in ((0.1, 4.69), (0.01, 8.08)):
        keys = np.cumsum(np.random.default_rng(0).geometric(share, 300_000)) - 1
        kept = Blobs()
        add_raster(kept, Spikes.trusted(keys // 2000, keys % 2000, int(keys[-1] // 2000) + 1, 2000), 32, 64)
        assert 8 * kept.size / len(keys) < 1.1 * bits


def test_regular_spikes_take_less() -> None:
    """Neurons that spike in periods of their own: the gaps along each neuron are all equal."""
    period = np.random.default_rng(0).integers(20, 90, 200)
    step, neuron = np.nonzero(np.arange(20_000)[:, None] % period == 0)
    kept = Blobs()
    lane = add_raster(kept, Spikes.trusted(step, neuron, 20_000, 200), 16, 64)
    assert all(lane["tiles"]["by_neuron"])
    assert 8 * kept.size / len(step) < 2


@given(st.lists(st.binary(max_size=200), max_size=4))
@example([b"</script><!--<script\r\n\0=}=@", bytes(range(256))])
def test_bytes_survive_within_a_page_as_characters(parts: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blobs, "LARGE", -1)
        kept = Blobs()
        places = [kept.add(part) for part in parts]
        texts = kept.texts()
        assert kept.encoding == "windows-1252"
    assert not any(re.search(rb"</|<!|\r|\0", text) for text in texts)
    page = b"".join(b'<script class="blob" type="text/plain">' + text + b"</script>" for text in texts)
    blocks = read_blocks(page, "windows-1252")
    assert [blocks[n][first : first + length] for n, first, length in places] == parts


EVIL = "<script>alert(1)<img src=x onerror=alert(1)><!--{{about}}&amp;\u202e\u2028"
TITLE = f"</title></script>{EVIL}"


def network() -> Network:
    rng = np.random.default_rng(1)
    h = Population(EVIL, 30, LIF(beta=0.9))
    return Network((Input("x", 10), h), (Projection("x", EVIL, rng.random((30, 10))),), (EVIL,))


def page_data(page: bytes) -> dict[str, Any]:
    (text,) = re.findall(rb'<script type="application/json" id="data">(.*?)</script>', page)
    return json.loads(text)


def test_names_are_text_and_nothing_else() -> None:
    raster = np.random.default_rng(0).random((50, 10)) < 0.2
    page = simulate(network(), {"x": raster}, record=[f"{EVIL}.v"]).view(title=TITLE).to_bytes()
    assert page.isascii()
    assert page.count(b"<script") == 3  # data, one block of bytes, the script
    assert b"<img" not in page
    assert page.count(b"{{about}}&amp;amp;") == 2  # in both titles: what a text holds is not replaced again
    data = page_data(page)
    assert [lane["name"] for lane in data["run"]["lanes"]] == ["x", EVIL]
    assert data["run"]["traces"][0]["name"] == f"{EVIL}.v"
    policy = re.search(rb'Content-Security-Policy" content="(.*?)"', page)
    assert policy is not None
    assert policy[1].startswith(b"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-")


def test_a_page_shows_chosen_populations_and_neurons(tmp_path: Path) -> None:
    raster = np.random.default_rng(0).random((50, 10)) < 0.2
    run = simulate(network(), {"x": raster}, record={f"{EVIL}.v": [3, 7, 9]})
    page = run.view(tmp_path / "run.html", populations="x", neurons=[9, 3])
    assert (tmp_path / "run.html").read_bytes() == page.to_bytes()
    (lane,), (trace,) = page.data["run"]["lanes"], page.data["run"]["traces"]
    assert (lane["name"], lane["spikes"]) == ("x", raster.sum())
    assert trace["neurons"] == [9, 3]
    assert trace["theta"] == 1.0
    with pytest.raises(InputError, match=r"neuron 4 of .* was not recorded"):
        run.view(neurons=[4])
    with pytest.raises(InputError, match="holds no spikes"):
        view(simulate(network(), {"x": raster}, record=Record(spikes=False)))
    assert "<iframe" in page._repr_html_()
    assert "srcdoc=" in page._repr_html_()


def test_a_large_page_is_not_put_into_a_cell() -> None:
    kept = Blobs()
    kept.add(bytes(26_000_000))
    assert "too large for a cell" in View("a", "b", {}, kept)._repr_html_()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("view")
    raster = np.random.default_rng(2).random((60, 4)) < 0.3
    net = Network(
        (Input("x", 4), Population("h", 6, LIF(beta=0.9))), (Projection("x", "h", np.full((6, 4), 0.5)),), ("h",)
    )
    write_nir(net, place / "net.nir")
    np.save(place / "input.npy", raster)
    simulate(net, {"x": raster}, to=place / "run.h5")
    command = ["simulate", str(place / "net.nir"), "--input", str(place / "input.npy"), "--record", "h.v"]
    assert main([*command, "--every", "2", "--out", str(place / "run")]) == 0
    return place


@pytest.mark.parametrize("source", ["net.nir", "run", "run.h5", "run/spikes.h5", "run/spikes.npz"])
def test_the_verb_shows_the_same_spikes_of_whatever_holds_them(
    source: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page, command = tmp_path / "page.html", ["view", str(folder / source), "--html", str(tmp_path / "page.html")]
    if source == "net.nir":
        command += ["--input", str(folder / "input.npy")]
    assert main([*command, "--json", "--no-open"]) == 0
    told = json.loads(capsys.readouterr().out)
    content = page.read_bytes()
    assert told["bytes"] == len(content)
    data, run = page_data(content), open_recording(folder / "run.h5")
    lanes = {lane["name"]: lane for lane in data["run"]["lanes"]}
    blocks = read_blocks(content, data["encoding"])
    for name, stored in run.spikes.items():
        spikes = stored.read()
        assert sorted(read_tiles(blocks, lanes[name])) == list(zip(spikes.step, spikes.neuron, strict=True))
    traces = {trace["name"]: (trace["first"], trace["every"]) for trace in data["run"]["traces"]}
    assert traces == {"net.nir": {"h.v": (0, 1)}, "run": {"h.v": (0, 2)}}.get(source, {})


@pytest.mark.parametrize(
    ("command", "sections"),
    [
        ("cost NET --chip loihi1-nahuku --steps 20", ["chip", "bill"]),
        ("verify NET --backends event --steps 20", ["conformance"]),
        ("simulate NET --steps 20", ["run", "network", "chip", "bill"]),
    ],
)
def test_the_folder_of_a_verb_fills_its_sections(
    command: str, sections: list[str], folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [str(folder / "net.nir") if word == "NET" else word for word in command.split()]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    chip = ["--chip", "loihi1-nahuku"] if "run" in sections else []
    capsys.readouterr()
    assert (
        main(["view", str(tmp_path / "out"), *chip, "--html", str(tmp_path / "page.html"), "--json", "--no-open"]) == 0
    )
    assert json.loads(capsys.readouterr().out)["sections"] == sections


def test_the_verb_runs_a_network_prices_and_compares_it(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--steps", "30", "--rate", "1", "--chip", "loihi1-nahuku", "--chip", "loihi2", "--verify"]
    page = tmp_path / "page.html"
    command = ["view", str(folder / "net.nir"), *options, "--backends", "event", "--html", str(page)]
    assert main([*command, "--perfetto", str(tmp_path / "trace.json"), "--json", "--no-open"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["sections"] == ["run", "network", "chip", "bill", "conformance"]
    trace = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert told["perfetto"]["packets"] == sum(event.get("name") == "read" for event in trace) > 0
    data = page_data(page.read_bytes())
    assert data["conformance"]["verdict"] == "agree"
    assert list(data["bill"]["chips"]) == ["loihi1-nahuku", "loihi2"]
    events = sum(data["chip"]["columns"]["synaptic_events"])
    assert events == sum(edge["events"] for edge in data["network"]["edges"])


def test_links_carry_the_hops_of_the_bill() -> None:
    """Packets on all links together are the hops that the bill counts, each way; one packet a core with multicast."""
    rng = np.random.default_rng(0)
    net = Network(
        (Input("x", 6), Population("h", 600, LIF(beta=0.5))),
        (Projection("x", "h", rng.random((600, 6))), Projection("h", "h", rng.random((600, 600)) * 0.001)),
    )
    run = simulate(net, {"x": rng.random((10, 6)) < 0.5})
    small = replace(load_chip("loihi1-nahuku"), routing="unicast")
    for routing in ("unicast", "multicast"):
        chip = replace(small, routing=routing)
        placement = place_in_order(net, chip, 20)
        charged = cost.bill(net, run, chip, placement=placement)
        shown = chip_map(chip, charged.cores)
        assert shown is not None
        add_loads(shown, net, chip, run.spikes, placement)
        loads = {way: sum(n for *_, w, n in shown["links"] if w in way) for way in ((0, 1), (2, 3))}
        assert loads == {(0, 1): charged.counters["hops_ew"], (2, 3): charged.counters["hops_ns"]}
        assert loads[0, 1] > 0


def test_damaged_reports_are_refused() -> None:
    with pytest.raises(FileError, match="cost report is damaged"):
        view_report("cost", {"chip": "loihi2"}, "a")
    with pytest.raises(FileError, match="verdict is damaged"):
        view_report("verify", {"backends": 3}, "a")
    with pytest.raises(InputError, match="snmem run holds no spikes"):
        view_report("run", {}, "a")
    with pytest.raises(FileError, match="table of cores is damaged"):
        chip_map(load_chip("loihi2"), {"core": [0, -1]})


def test_what_cannot_be_viewed_is_refused_in_a_line(folder: Path, tmp_path: Path) -> None:
    from snmem.view.source import open_source

    with pytest.raises(FileError, match="is no folder of results"):
        open_source(tmp_path)
    with pytest.raises(FileError, match="no such file"):
        open_source(tmp_path / "absent.h5")
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    (damaged / "run.json").write_bytes((folder / "run" / "run.json").read_bytes())
    (damaged / "report.json").write_text("[]")
    with pytest.raises(FileError, match="holds no JSON object"):
        open_source(damaged)


def test_the_benchmark_says_what_it_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = load_script("benchmarks", "view")
    monkeypatch.setattr(bench, "FRAMES", 4)
    monkeypatch.setattr(bench, "SPIKES", {True: 20_000})
    found = bench.bench_view(True, lambda message: None)
    rows = {row["name"]: row["value"] for row in found["rows"]}
    assert rows["size of the page"] < 0.2
    assert rows["bits of a spike"] > rows["entropy of a spike"]
    assert json.dumps(found)


def test_the_trace_of_cores_takes_the_times_of_the_bill(folder: Path, tmp_path: Path) -> None:
    """Steps as long as the bill says, every packet sent, carried and read once, in this order, and no core does two."""
    rng = np.random.default_rng(0)
    weights = sparse.random_array((3000, 3000), density=1e-3, rng=rng)
    net = Network(
        (Input("x", 6), Population("h", 3000, LIF(beta=0.5))),
        (Projection("x", "h", rng.random((3000, 6))), Projection("h", "h", weights)),
    )
    x = {"x": rng.random((6, 6)) < 0.5}
    told = write_trace(tmp_path / "trace.json", net, x, 6, "loihi1-nahuku")
    charged = cost.bill(net, simulate(net, x), "loihi1-nahuku", per_step=True)
    assert charged.by_step is not None
    trace = json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    steps = [e["dur"] / 1e6 for e in trace if e.get("name", "").startswith("step ")]
    assert steps == pytest.approx(charged.by_step["seconds"], rel=1e-9)
    packets = charged.counters["packets"] + charged.counters["input_packets"]
    of = {name: [e for e in trace if e.get("name") == name] for name in ("send", "read", "packet")}
    assert len(of["send"]) == len(of["read"]) == told["packets"] == packets
    ends = {kind: {e["id"]: e["ts"] for e in of["packet"] if e["ph"] == kind} for kind in "sf"}
    assert ends["s"].keys() == ends["f"].keys()
    assert all(ends["s"][i] <= ends["f"][i] + 1e-6 for i in ends["s"])
    assert all(e["args"]["queued_us"] > -1e-6 for e in of["read"])
    for name in ("send", "read"):
        spans: dict[int, list[tuple[float, float]]] = {}
        for e in of[name]:
            spans.setdefault(e["tid"], []).append((e["ts"], e["ts"] + e["dur"]))
        for times in spans.values():
            times.sort()
            assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(times))
    depths = [e["args"]["packets"] for e in trace if e["ph"] == "C"]
    assert min(depths) == 0
    assert max(depths) > 1


def test_a_trace_is_refused_where_there_are_no_times_or_too_many_packets(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = network(), {"x": np.ones((9, 10), bool)}
    with pytest.raises(InputError, match="spinnaker2 has no times of single packets"):
        perfetto.timeline(net, x, 9, "spinnaker2")
    monkeypatch.setattr(perfetto, "MOST", 15)
    with pytest.raises(InputError, match=r"trace has 90 packets, the limit is 15; take 1 steps \(--steps\)"):
        perfetto.timeline(net, x, 9, "loihi1-nahuku")
