"""The package: what it exports, what it imports, and what is in its wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import snmem
from snmem.errors import InputError
from snmem.installation import content

ROOT = Path(__file__).parent.parent


def test_every_export_has_one_home() -> None:
    assert sorted(name for names in snmem._HOME.values() for name in names) == sorted(snmem.__all__)
    assert all(getattr(snmem, name) is not None for name in snmem.__all__)
    assert set(snmem.__all__) <= set(dir(snmem))
    assert {"attention", "cost", "encode", "hdc", "plots", "stimuli"} <= set(dir(snmem))  # also before their import
    assert not {"attach", "TYPE_CHECKING"} & set(dir(snmem))
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = snmem.nonsense  # type: ignore[attr-defined]


def test_import_is_light() -> None:
    code = "import sys, snmem, snmem.cli.app; print([m for m in ('numpy', 'scipy', 'numba') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_version_is_that_of_the_metadata(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    from snmem.cli import main

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"snmem {version('snmem')}\n"


def test_wheel_holds_the_content_folders_and_finds_them(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, check=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    code = (
        "from snmem.installation import content; from snmem.encode import load_digits\n"
        "names = content.content_names('hardware', '.toml')\n"
        "print(content.content_dir('hardware'), len(load_digits()[0]), *names, sep='\\n')"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(site)}, capture_output=True, text=True)
    folder, digits, *chips = done.stdout.splitlines()
    assert Path(folder) == site / "snmem" / "_content" / "hardware"
    assert int(digits) > 1000
    assert chips == content.content_names("hardware", ".toml")


def test_scripts_are_found_by_name() -> None:
    assert content.load_script("benchmarks", "engine") is content.load_script("benchmarks", "engine")
    with pytest.raises(InputError, match=r"use one of .*engine"):
        content.load_script("benchmarks", "../engine")
    with pytest.raises(InputError, match="use one of models"):
        content.content_dir("secrets")
