"""The gallery: a page for every model and every notebook, with the figures they make.

``python docs/_gallery.py`` runs the models whose file has changed since their figures were made (``snmem reproduce
MODEL --quick``) and keeps figures and rows in ``docs/gallery``; ``make docs`` does so first. As a hook of mkdocs it
writes the pages: models from what is kept, notebooks from their own outputs.
"""

from __future__ import annotations

import ast
import base64
import hashlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
KEPT, MODELS, NOTEBOOKS = ROOT / "docs" / "gallery", ROOT / "models", ROOT / "notebooks"
#: The picture of the home page.
HOME = ROOT / "docs" / "view.png"
#: Pixels of a figure across, seconds a model may take, figures of a model, lines of an output that a page shows.
WIDE, LONGEST, FIGURES, LINES = 1000, 900, 2, 30


def digest(name: str) -> str:
    """What the figures of a model follow from: its file, and those of the protocols that it takes from the library."""
    source = (MODELS / f"{name}.py").read_bytes()
    total = hashlib.sha256(source)
    for protocol in sorted(set(re.findall(rb"snmem\.protocols\.(\w+)", source))):
        total.update((ROOT / "snmem" / "protocols" / f"{protocol.decode()}.py").read_bytes())
    return total.hexdigest()


def kept(name: str) -> dict[str, Any]:
    """What the last run of a model has left; empty if there was none."""
    file = KEPT / f"{name}.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def models() -> list[str]:
    """Names of the models."""
    return sorted(path.stem for path in MODELS.glob("*.py"))


def changed() -> list[str]:
    """Models whose file is not that of their figures."""
    return [name for name in models() if kept(name).get("sha256") != digest(name)]


def make(name: str) -> None:
    """Run a model, and keep its figures and rows."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["reproduce", name.replace("_", "-"), "--quick", "--out", f"{folder}/out", "--json"]
        run = [sys.executable, "-m", "snmem", *command]
        done = subprocess.run(run, capture_output=True, text=True, timeout=LONGEST, cwd=folder)
        report = json.loads(done.stdout)
        if "rows" not in report:
            raise SystemExit(f"{name}: {report.get('error', done.stderr)}")
        pictures = sorted(Path(folder, "out").glob("*.png"))[:FIGURES]
        for old in KEPT.glob(f"{name}-*.png"):
            old.unlink()
        figures = [f"{name}-{n}.png" for n in range(len(pictures) or 1)]
        for picture, figure in zip(pictures, figures, strict=False):
            shrink(picture, KEPT / figure)
        if not pictures:
            draw_rows(report["rows"], KEPT / figures[0])
    names = ("name", "value", "target", "published", "tolerance", "unit", "ok")
    rows = [{key: row[key] for key in names if row.get(key) is not None} for row in report["rows"]]
    about = {"sha256": digest(name), "command": f"snmem {' '.join(command[:3])}", "figures": figures, "rows": rows}
    (KEPT / f"{name}.json").write_text(json.dumps(about, indent=1, ensure_ascii=False) + "\n")


def shrink(picture: Path, place: Path) -> None:
    """A figure of at most so many pixels across, in few colours."""
    from PIL import Image

    image = Image.open(picture).convert("RGB")
    image.thumbnail((WIDE, 4 * WIDE))
    image.quantize(128).save(place, optimize=True)


def draw_rows(rows: list[dict[str, Any]], place: Path) -> None:
    """What a model without a picture found: each number over the one it is beside."""
    from matplotlib.figure import Figure

    from snmem.plots import PALETTE, label

    beside = [(row, row.get("published", row.get("target"))) for row in rows]
    shown = [(row, other) for row, other in beside if other and isinstance(row.get("value"), (int, float))][:24]
    figure = Figure(figsize=(7, 0.8 + 0.26 * max(len(shown), 1)), layout="constrained")
    axes = figure.subplots()
    ratios = [row["value"] / other for row, other in shown]
    axes.scatter(ratios, range(len(shown)), color=PALETTE[0], zorder=2)
    axes.axvline(1, color="0.6", lw=1)
    axes.set_yticks(range(len(shown)), [label(row["name"]) for row, _ in shown], fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel("this run over the published figure, or over the target")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(place, dpi=120)
    shrink(place, place)


def title_of(path: Path) -> tuple[str, str]:
    """The first line of a module's docstring, and the rest."""
    first, _, rest = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or path.stem).partition("\n")
    return first.rstrip("."), rest.strip()


def model_page(name: str) -> str:
    """The page of a model, in markdown."""
    title, rest = title_of(MODELS / f"{name}.py")
    about = kept(name)
    lines = [f"# {title}", "", rest, ""]
    for figure in about.get("figures", ()):
        lines += [f"![Figure of {name.replace('_', '-')}: {title}]({figure})", ""]
    lines += ["```sh", about.get("command", f"snmem run {name}"), "```", ""]
    lines += ["| row | this run | published or target | unit | |", "|---|---|---|---|---|"]
    for row in about.get("rows", ()):
        cells = (row["name"], number(row.get("value")), number(row.get("published", row.get("target"))))
        cells = (*cells, row.get("unit", ""), "" if row.get("ok", True) else "missed")
        lines.append(f"| {' | '.join(map(plain, cells))} |")
    source = (MODELS / f"{name}.py").read_text(encoding="utf-8")
    lines += ["", '??? note "The model"', "", "    ``` { .python }", *(f"    {line}" for line in source.splitlines())]
    return "\n".join([*lines, "    ```", ""])


def plain(text: object) -> str:
    """Text in a cell of a table."""
    return str(text).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def number(value: Any) -> str:
    """A number with four digits."""
    return "" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def notebook_page(path: Path) -> tuple[str, str, dict[str, bytes]]:
    """(title, page, pictures by name) of a notebook and what its cells show."""
    import nbformat

    pictures: dict[str, bytes] = {}
    lines: list[str] = []
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type == "markdown":
            lines += [cell.source, ""]
            continue
        lines += ["``` { .python }", cell.source, "```", ""]
        for output in cell.get("outputs", ()):
            picture = output.get("data", {}).get("image/png")
            text = output.get("text") or output.get("data", {}).get("text/plain") or ""
            if picture:
                name = f"{path.stem}-{len(pictures)}.png"
                pictures[name] = base64.b64decode(picture)
                lines += [f"![Output of the cell above]({name})", ""]
            elif text.strip():
                shown = text.rstrip().splitlines()
                lines += ["``` { .text }", *shown[:LINES], *(["..."] if len(shown) > LINES else []), "```", ""]
    title = next(line[2:].partition("\n")[0] for line in lines if line.startswith("# "))
    return title, "\n".join(lines), pictures


def pages() -> Iterator[tuple[str, str, str | bytes]]:
    """(path below docs, title, content) of everything in the gallery."""
    cards = ["# Gallery", "", "Every notebook and every model, with the figures they make.", "", "## Notebooks", ""]
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        title, page, pictures = notebook_page(path)
        yield f"gallery/{path.stem}.md", title, page
        for name, content in pictures.items():
            yield f"gallery/{name}", "", content
        cards += [f"### [{title}]({path.stem}.md)", ""]
        cards += [f"[![{title}]({name}){{ width=420 }}]({path.stem}.md)" for name in list(pictures)[:1]] + [""]
    cards += ["## Models", ""]
    for name in models():
        title, _ = title_of(MODELS / f"{name}.py")
        yield f"gallery/{name}.md", name.replace("_", "-"), model_page(name)
        cards += [f"### [{name.replace('_', '-')}]({name}.md)", "", f"{title}.", ""]
        cards += [
            f"[![{title}]({figure}){{ width=420 }}]({name}.md)" for figure in kept(name).get("figures", ())[:1]
        ] + [""]
    yield "gallery/index.md", "Gallery", "\n".join(cards)


def on_config(config: Any, **_: Any) -> Any:
    """Give every page its place in the navigation."""
    titles = {path: title for path, title, content in pages() if path.endswith(".md")}
    index = titles.pop("gallery/index.md")
    section = [{index: "gallery/index.md"}, *({title: path} for path, title in titles.items())]
    config["nav"] = [
        {"Gallery": section} if isinstance(item, dict) and "gallery/index.md" in item.values() else item
        for item in config["nav"]
    ]
    return config


def on_files(files: Any, config: Any, **_: Any) -> Any:
    """Add the pages."""
    from mkdocs.structure.files import File

    for path, _, content in pages():
        files.append(File.generated(config, path, content=content))
    return files


def home() -> None:
    """The picture of the home page: a raster in the browser, of a small cortical microcircuit."""
    from playwright.sync_api import sync_playwright

    from snmem import simulate
    from snmem.installation.content import load_script

    net = load_script("models", "microcircuit").network(scale=0.05, drive="poisson", seed=1)
    run = simulate(net, {}, 5000)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        shown = [p.name for p in net.neurons]
        run.view(f"{folder}/run.html", populations=shown, title="A twentieth of the cortical microcircuit")
        with load_script("benchmarks", "view").chromium(playwright) as browser:
            page = browser.new_page(viewport={"width": 1100, "height": 900})
            page.goto(f"file://{folder}/run.html")
            page.wait_for_function("window.snmemPage?.activity.frames > 0")
            page.wait_for_timeout(1000)
            page.screenshot(path=f"{folder}/run.png", clip={"x": 0, "y": 0, "width": 1100, "height": 840})
        shrink(Path(f"{folder}/run.png"), HOME)


def main() -> None:
    """Make what has changed."""
    if not HOME.exists():
        home()
    wanted = sys.argv[1:] or changed()
    for name in wanted:
        print(f"gallery: {name}", file=sys.stderr, flush=True)
        make(name)


if __name__ == "__main__":
    main()
