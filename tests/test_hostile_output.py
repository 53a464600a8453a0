"""What a terminal, JSON and the HTML page show of hostile names, titles and paths: all of it, and nothing acts."""

import io
import json
import os
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import h5py
import matplotlib as mpl
import numpy as np
import pytest
import yaml
from conftest import Result
from rich.console import Console
from test_hostile_names import CODE, HOSTILE, NEURON, TEXTS

from snmem import Input, Network, Population, Projection, plots, simulate
from snmem._text import visible
from snmem.cli.contract import Report, add_verb
from snmem.cost import bill, load_chip
from snmem.cost.export.sanafe import export_sanafe
from snmem.cost.mapping.placement import place_in_order
from snmem.cost.report.build import cost_report
from snmem.cost.report.html import report_page
from snmem.errors import FileError, InputError
from snmem.installation.content import content_dir
from snmem.installation.doctor import Row
from snmem.lava.compiler.arrays import write_arrays
from snmem.nir_io import inspect_nir, read_nir, write_nir
from snmem.nir_io.inspect import render
from snmem.spikes import Spikes

#: What no output may hold: control characters but the line break, bidirectional controls, lone surrogates.
STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
#: Texts for places that take anything: all that names cannot hold.
ANY = [*TEXTS, "\x1b[2J\x1b]0;title\x07", "a\rb", "a\nsnmem: error: b", "\x9b31m", "\0", "\x7f", "\u202e"]
HALF = len(HOSTILE) // 2


def network() -> Network:
    """A population for each hostile name, half of them fed by the others, which are inputs."""
    populations = [Input(name, 2) for name in HOSTILE[:HALF]] + [Population(n, 2, NEURON) for n in HOSTILE[HALF:]]
    pairs = zip(HOSTILE, HOSTILE[HALF:], strict=False)
    return Network(populations, [Projection(a, b, np.full((2, 2), 1.5), name=f"{b} {a}"[:999]) for a, b in pairs])


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("nir") / "hostile.nir"
    write_nir(network(), path)
    return path


def assert_harmless(*texts: str) -> None:
    for text in texts:
        assert not STEERING.search(text)


def compact(text: str) -> str:
    """Without the lines of tables and the wrapping in their cells."""
    return re.sub(r"[\s│┃]+", "", text)


VERBS = {
    "inspect": [],
    "cost": ["--chip", "loihi1-nahuku", "--steps", "5"],
    "verify": ["--backends", "event", "--steps", "5", "--rate", "2"],
    "compile": ["--no-run", "--steps", "5"],
}


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_shows_hostile_names_as_they_are(
    verb: str, file: Path, snmem: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out = ["--out", tmp_path / "[b]out"] if verb == "compile" else []
    result = snmem(verb, file, *VERBS[verb], *out)
    assert (result.code, "error" in result.err) == (0, False), result.err
    assert_harmless(result.out, result.err)
    shown = compact(result.out)
    for name in ("[bold]x", "[link=file:x]", "$\\frac{$", "&lt;", "<img src=x onerror=alert(1)>", ":smiley:"):
        assert compact(name) in shown
    assert "\\u202egnp.exe" in shown
    as_json = snmem(verb, file, *VERBS[verb], *out, "--json")
    assert_harmless(as_json.out)
    assert "\u202egnp.exe" in json.dumps(as_json.data, ensure_ascii=False)
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize("text", ANY)
def test_texts_of_verbs_errors_and_stages_are_shown_as_they_are(
    text: str, snmem: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a line, a title, a head, a cell, JSON, an error known or not, a traceback and a stage."""
    import typer

    from snmem._rich import Table
    from snmem.cli.progress import stages

    def say(fail: str = "") -> Report:
        with stages() as tell:
            tell(text)
        if fail:
            raise (InputError if fail == "known" else RuntimeError)(text)
        table = Table(text, title=text)
        table.add_row(text)
        return Report({"text": text, text: 1}, [text, table, text])

    app = typer.Typer()
    app.callback()(lambda: None)
    add_verb(app, "say", say)
    monkeypatch.setattr("snmem.cli.app.app", app)
    result = snmem("say")
    assert_harmless(result.out, result.err)
    assert result.out.startswith(f"{visible(text)}\n")
    assert result.out.endswith(f"{visible(text)}\n")
    assert compact(visible(text)) in compact(result.out.removeprefix(visible(text)))
    assert result.err == f"snmem: {visible(text)}\n"
    as_json = snmem("say", "--json")
    assert_harmless(as_json.out)
    assert as_json.data == {"text": text, text: 1}
    for options in (["--fail", "known"], ["--fail", "unknown"], ["--fail", "known", "--debug", "--json"]):
        failed = snmem("say", *options)
        assert failed.code == 1
        assert_harmless(failed.out, failed.err)
        assert visible(" ".join(text.split())) in failed.err.splitlines()[-1]


@pytest.mark.parametrize("text", ["[/x]", "\x1b[2Jx", "a\nb", "{0}%s", os.fsdecode(b"\xff\xfe"), "x" * 5000])
@pytest.mark.parametrize("verb", ["inspect", "verify", "cost", "compile", "chips", "run", "export", "demo", "bench"])
def test_hostile_arguments_end_in_one_harmless_line(
    verb: str, text: str, snmem: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments = {
        "cost": ["cost", text, "--chip", text],
        "chips": ["chips", f"{text}.toml"],
        "run": ["run", text, "--set", f"{text}={text}"],
        "export": ["export", text, text],
        "demo": ["demo", "--no-lava", "--data", text],
    }
    result = snmem(*arguments.get(verb, [verb, text]))
    assert_harmless(result.out, result.err)
    assert result.error()
    assert "unexpected" not in result.error()
    assert not [path for path in tmp_path.iterdir() if path.name != "snmem-demo"]


def test_a_file_with_a_hostile_name_is_read_and_named(
    file: Path, snmem: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [f'a"""; {CODE}; """'.replace("/", "")[:200], "[bold]\x1b[31m\n.nir", "%s{0}.nir", os.fsdecode(b"\xff.nir")]
    for name in names:
        (tmp_path / name).write_bytes(file.read_bytes())
        result = snmem("inspect", name)
        assert result.code == 0
        assert_harmless(result.out, result.err)
        assert visible(name) in result.out
        result = snmem("compile", name, "--no-run", "--steps", 3, "--out", tmp_path / f"out of {name}")
        assert (result.code, "error" in result.err) == (0, False), result.err
        assert_harmless(result.out, result.err)
        assert snmem("inspect", name, "--json").data["file"] == name
    assert not (tmp_path / "PWNED").exists()


def test_inputs_are_found_under_hostile_names(file: Path, snmem: Callable[..., Result], tmp_path: Path) -> None:
    """As rasters and as recorded spikes; a golden file brings them, too."""
    write_arrays(tmp_path / "in.npz", {name: np.eye(2) for name in HOSTILE[:HALF]})
    run = ["verify", file, "--backends", "event"]
    first = snmem(*run, "--input", tmp_path / "in.npz", "--save-golden", tmp_path / "golden.h5", "--json").data
    assert first["input_spikes"] == dict.fromkeys(HOSTILE[:HALF], 2)
    assert snmem(*run, "--input", tmp_path / "golden.h5", "--json").data["input_spikes"] == first["input_spikes"]
    assert snmem(*run, "--golden", tmp_path / "golden.h5", "--json").data["golden"]["agree"] is True


def test_names_are_texts_in_the_files_of_another_simulator(tmp_path: Path) -> None:
    net = Network((Input("x", 2), Population(": {", 2, NEURON)), (Projection("x", ": {", np.eye(2)),))
    for name in ("a: b", '"{', "- x", "#y", "\x1b\n"):
        path = tmp_path / f"{name}.toml"
        path.write_bytes((content_dir("hardware") / "loihi1-nahuku.toml").read_bytes())
        chip = load_chip(path)
        arch, _ = export_sanafe(net, chip, place_in_order(net, chip), tmp_path)
        assert yaml.safe_load(arch.read_text())["architecture"]["name"] == name


def test_nodes_that_no_network_can_hold_are_shown_and_refused_in_one_line(
    file: Path, snmem: Callable[..., Result], tmp_path: Path
) -> None:
    """HDF5 takes control characters in a name; other writers may have put them there."""
    foreign = tmp_path / "foreign.nir"
    foreign.write_bytes(file.read_bytes())
    with h5py.File(foreign, "a") as store:
        del store["node/metadata"]
        nodes, edges = store["node/nodes"], store["node/edges"][()]
        nodes.move(HOSTILE[0], "\x1b[2J\r\n")
        store["node/edges"][...] = np.where(edges == HOSTILE[0].encode(), b"\x1b[2J\r\n", edges)
    result = snmem("inspect", foreign)
    assert result.code == 0
    assert_harmless(result.out, result.err)
    assert r"\x1b[2J\r\n" in result.out
    for verb in ("verify", "compile"):
        refused = snmem(verb, foreign, "--out", tmp_path / "out")
        assert "control character" in refused.error()
        assert_harmless(refused.err)


class _Page(HTMLParser):
    """Tags and attributes of a page, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_holds_hostile_names_as_text_only(file: Path, tmp_path: Path) -> None:
    plain = Network((Input("x", 2), Population("h", 2, NEURON)), (Projection("x", "h", np.eye(2)),))
    chip = _profile(tmp_path, "title", HOSTILE[0])
    pages = []
    for net in (plain, network()):
        spikes = {p.name: np.ones((3, 2)) for p in net.inputs}
        with mpl.rc_context({"text.usetex": True}):
            pages.append(report_page(cost_report(net, spikes, 3, chip, also=["loihi1-nahuku"])))
    known, page = map(_Page, pages)
    assert_harmless(pages[1])
    assert page.tags <= known.tags
    assert page.attributes <= known.attributes
    assert "script" not in page.tags
    for name in HOSTILE[HALF:]:
        assert visible(name)[:40].strip() in page.text
    assert "default-src 'none'" in pages[1]


def _profile(folder: Path, key: str, text: str) -> Path:
    """The generic profile with ``text`` as one of its texts."""
    source = (content_dir("hardware") / "generic.toml").read_text()
    written = json.dumps(text)
    if key == "note":
        source = source.replace('note = "every neuron, every step"', f"note = {written}")
    elif key == "not_modelled":
        source = source.replace('["whatever you leave out"]', f"[{written}]")
    else:
        source = re.sub(rf'^{key} = (""".*?"""|".*?")$', lambda _: f"{key} = {written}", source, flags=re.M | re.S)
    assert written in source
    path = folder / "[b]chip.toml"
    path.write_text(source)
    return path


@pytest.mark.parametrize("key", ["title", "summary", "you", "note", "not_modelled"])
@pytest.mark.parametrize("text", ["[/x][red]y", "\x1b]0;x\x07\x9bz\u202e", "$\\frac{$<script>"])
def test_texts_of_a_chip_profile_are_shown_as_they_are(
    key: str, text: str, snmem: Callable[..., Result], tmp_path: Path
) -> None:
    result = snmem("chips", _profile(tmp_path, key, text))
    assert_harmless(result.out, result.err)
    if result.code:  # a reader may refuse control characters in a profile
        assert result.error()
    else:
        assert visible(text) in result.out


def test_doctor_and_sweep_show_what_others_say(
    snmem: Callable[..., Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Row("[/x]", "\x1b[31m1", True, "[red]", "a\r\x1b[2Jb")]
    monkeypatch.setattr("snmem.installation.doctor.doctor", lambda: rows)
    result = snmem("doctor")
    assert result.code == 0
    assert_harmless(result.out)
    assert r"a\r\x1b[2Jb" in result.out
    tiny = ["--set", "patterns=[/x]\x1b[2J"]
    result = snmem("sweep", "kwinner-map", *tiny, "--seeds", 1, "--workers", 1, "--out", tmp_path / "[x]")
    assert result.code == 1
    assert_harmless(result.out, result.err)


def test_output_that_cannot_encode_a_name_shows_it_all_the_same(
    file: Path, snmem: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    for options in ([], ["--json"]):
        raw = io.BytesIO()
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
            assert snmem("inspect", file, *options).code == 0
            sys.stdout.flush()
            text = raw.getvalue().decode("ascii")
        assert "\\u202e" in text
        if options:
            assert json.loads(text) == snmem("inspect", file, "--json").data


def test_renderables_are_safe_on_any_console(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Notebooks and scripts print bills and summaries on a console of their own, which knows markup and emoji."""
    spikes = {name: np.ones((3, 2)) for name in HOSTILE[:HALF]}
    net = network()
    console = Console(width=200)
    console.print(bill(net, simulate(net, spikes, 3, counters=True), load_chip("loihi1-nahuku")))
    console.print(cost_report(net, spikes, 3, "loihi1-nahuku"))
    render(inspect_nir(file), console)
    shown = capsys.readouterr().out
    assert_harmless(shown)
    assert ":smiley:" in shown
    assert "[bold]x" in shown


@pytest.mark.parametrize("text", ["$\\frac{$", "$$", "\\$x$", "\x1b\0\r", "😀 数 العربية", "n" * 1000, "{}%s"])
def test_pictures_take_any_text(text: str, tmp_path: Path) -> None:
    recording = simulate(
        Network((Input("x", 2), Population("h", 2, NEURON)), (Projection("x", "h", np.eye(2)),)), {"x": np.eye(2)}, 2
    )
    spikes = {text: Spikes.from_raster(np.eye(3))}
    object.__setattr__(recording, "spikes", spikes)
    with plots.plain_text():
        plots.recall_raster(recording, 1).savefig(tmp_path / "raster.png", dpi=30)
        plots.text_recall([text], [text], [text]).savefig(tmp_path / "text.png", dpi=30)


def test_names_survive_the_way_through_a_file(file: Path) -> None:
    assert read_nir(file) == network()
    with pytest.raises(FileError, match=r"changed after snmem wrote it|control character") as caught:
        _read_with_a_control_character(file)
    assert_harmless(str(caught.value))


def _read_with_a_control_character(file: Path) -> Any:
    path = file.with_name("damaged.nir")
    path.write_bytes(file.read_bytes())
    with h5py.File(path, "a") as store:
        layout = store["node/metadata/network"][()].decode().replace(":smiley:", "\\u001b")
        del store["node/metadata/network"]
        store["node/metadata/network"] = layout
    return read_nir(path)
