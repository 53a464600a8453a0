"""Ask frameworks anew: `python benchmarks/interop/run.py [NAME ...]`, an environment for each, answers kept.

Each framework gets a virtual environment in ``~/.cache/snmem-interop`` with what stands in ``REQUIREMENTS``; the
answers are packed into ``records/NAME.zip``. ``snmem interop`` compares them with what snmem reads and runs today;
``differs.zip`` gets the smallest file of each difference, docs/interop.md the tables.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import venv
import zipfile
from datetime import date
from pathlib import Path

HERE = Path(__file__).parent
ENVIRONMENTS = Path.home() / ".cache" / "snmem-interop"
#: What pip installs by framework; Sinabs asks for an older nir itself.
REQUIREMENTS = {
    "snntorch": ("torch==2.13.0", "snntorch==1.0.0", "nirtorch==2.6", "nir==1.0.8"),
    "norse": ("torch==2.13.0", "norse==1.1.0", "nirtorch==2.6", "nir==1.0.8"),
    "sinabs": ("torch==2.13.0", "sinabs==3.1.3", "nirtorch"),
    "rockpool": ("torch==2.13.0", "rockpool==3.1.0", "nirtorch==2.6", "nir==1.0.8"),
    "spikingjelly": ("torch==2.13.0", "spikingjelly==2.0.0", "nirtorch==2.6", "nir==1.0.8"),
    "spyx": ("spyx==1.0.0", "nir==1.0.8"),
    "jaxsnn": ("jaxsnn==0.3.0", "nir==1.0.8"),
    "snnmlir": ("snn-mlir==1.0.0", "nir==1.0.8"),
}


def environment(name: str) -> Path:
    """The Python of a framework's environment, made if it is not there."""
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not python.exists():
        venv.create(folder, with_pip=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *REQUIREMENTS[name]], check=True)
    return python


def graphs(folder: Path) -> None:
    """Write the graphs of ours that frameworks import."""
    sys.path.insert(0, str(HERE / "frameworks"))
    sys.path.insert(0, str(HERE))
    from graphs import write

    write(folder)


def pack(name: str, folder: Path) -> None:
    """Keep the files of a folder as ``records/NAME.zip``, with the date."""
    about = json.loads((folder / "about.json").read_text()) | {"date": date.today().isoformat()}
    (folder / "about.json").write_text(json.dumps(about, indent=1, sort_keys=True) + "\n")
    (HERE / "records").mkdir(exist_ok=True)
    _zip(HERE / "records" / f"{name}.zip", folder)


def differences() -> None:
    """Write the smallest file of each difference into ``differs.zip``, and the page of the docs."""
    from snmem.verify.interop import PAGE, interop, markdown, write_smallest

    with tempfile.TemporaryDirectory() as place:
        write_smallest(Path(place))
        _zip(HERE / "differs.zip", Path(place))
    (HERE.parent.parent / "docs" / "interop.md").write_text(PAGE + markdown(interop()), encoding="utf-8")


def _zip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as out:
        for path in sorted(folder.iterdir()):
            out.write(path, path.name)


def main(names: list[str]) -> None:
    """Ask the frameworks, all by default, one after another."""
    with tempfile.TemporaryDirectory() as place:
        ours = Path(place) / "graphs"
        ours.mkdir()
        graphs(ours)
        _zip(HERE / "graphs.zip", ours)
        for name in names or REQUIREMENTS:
            folder = Path(place) / name
            folder.mkdir()
            script = HERE / "frameworks" / f"run_{name}.py"
            subprocess.run([str(environment(name)), str(script), str(folder), str(ours)], check=True)
            pack(name, folder)
            print(name, "done", flush=True)
    differences()


if __name__ == "__main__":
    main(sys.argv[1:])
