"""Result folders change as a whole, and no file that snmem did not write is lost in them."""

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from steps import kill_at_steps, state

from snmem.errors import FileError
from snmem.io.results import folder as module
from snmem.io.results import update as result_update
from snmem.io.results.folder import result_folder
from snmem.io.results.update import read_run, unchanged

#: ``run.json`` as version 0.1 wrote it.
FIRST_FORM = {"verb": "probe", "config": {}, "seed": 0, "versions": {"snmem": "0.1.0"}, "seconds": 1.0}


def publish(target: Path, files: dict[str, str], force: bool = False) -> None:
    """What a verb does."""
    with result_folder(target, force) as folder:
        for name, content in files.items():
            (folder.draft / name).parent.mkdir(exist_ok=True)
            (folder.draft / name).write_text(content)
        folder.publish({"verb": "probe"})


def texts(folder: Path) -> dict[str, str]:
    """The files of a folder but ``run.json``."""
    return {name: x.decode() for name, x in state(folder).items() if isinstance(x, bytes) and name != "run.json"}


OLD = {"both": "old", "only-old": "old", "sub/old": "old"}
NEW = {"both": "new", "only-new": "new", "other/new": "new"}


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waiting for the disk, which is for power failures."""
    monkeypatch.setattr("os.fsync", lambda descriptor: None)


@pytest.fixture(params=["exchange", "moves"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to bring a folder up to date: in one step, and where the system has no such step."""
    if request.param == "moves":

        def exchange(first: Path, second: Path) -> None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

        monkeypatch.setattr(module, "exchange", exchange)
    return request.param


def test_a_new_run_takes_the_place_of_the_old_one(way: str, tmp_path: Path) -> None:
    target = tmp_path / "a" / "results"
    publish(target, OLD)
    assert texts(target) == OLD
    inode = target.stat().st_ino
    publish(target, NEW)
    assert texts(target) == NEW
    assert (target.stat().st_ino == inode) == (way == "moves")
    assert set(state(target)) == {"other", "run.json", *NEW}
    assert [path.name for path in target.parent.iterdir()] == ["results"]
    assert set(json.loads((target / "run.json").read_text())["files"]) == set(NEW)


def test_other_files_stay(way: str, tmp_path: Path) -> None:
    target = tmp_path / "results"
    publish(target, OLD)
    (target / "thesis.txt").write_text("mine")
    (target / "sub" / "note").write_text("mine")
    (target / "empty").mkdir()
    (target / "link").symlink_to("thesis.txt")
    publish(target, NEW)
    assert texts(target) == {**NEW, "thesis.txt": "mine", "sub/note": "mine"}
    assert (target / "empty").is_dir()
    assert (target / "link").is_symlink()
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_the_folder_one_stands_in_stays_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = tmp_path / "results"
    publish(target, OLD)
    monkeypatch.chdir(target)
    publish(Path(), NEW)
    assert {str(path) for path in Path().rglob("*") if path.is_file()} == {*NEW, "run.json"}


def test_permissions_of_the_folder_stay(way: str, tmp_path: Path) -> None:
    target = tmp_path / "results"
    publish(target, OLD)
    target.chmod(0o2750)
    publish(target, NEW)
    assert target.stat().st_mode & 0o7777 == 0o2750


def test_a_link_to_a_folder_stays(way: str, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "results").symlink_to("disk")
    publish(tmp_path / "results", OLD)
    publish(tmp_path / "results", NEW)
    assert (tmp_path / "results").is_symlink()
    assert texts(tmp_path / "disk") == NEW


FOREIGN_MARKS = {
    "another program": {"project": "mine", "files": ["thesis.txt"]},
    "no object": [{"snmem": {"format": "result-folder"}}],
    "number": {"snmem": {"format": "result-folder", "version": 1}, "files": 5, "sha256": {}},
    "text": {**FIRST_FORM, "files": "thesis.txt"},
    "no files": FIRST_FORM,
    "digests": {"snmem": {"format": "result-folder"}, "files": ["thesis.txt"], "sha256": 1},
    "versions": {"verb": "train", "versions": {"torch": "2"}, "files": ["thesis.txt"]},
    "format": {"snmem": {"format": "another"}, "files": ["thesis.txt"], "sha256": {}},
}


@pytest.mark.parametrize("content", [*map(json.dumps, FOREIGN_MARKS.values()), "{", "", "[" * 100_000, "\xff", "5"])
def test_the_run_file_of_another_program_is_no_mark(content: str, tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(content, encoding="latin-1")
    (tmp_path / "thesis.txt").write_text("mine")
    before = state(tmp_path)
    with pytest.raises(FileError, match=r"holds files that snmem did not write.*--force"):
        publish(tmp_path, {"report.json": "new"})
    assert state(tmp_path) == before
    publish(tmp_path, {"report.json": "new"}, force=True)
    assert texts(tmp_path) == {"report.json": "new", "thesis.txt": "mine"}
    publish(tmp_path, {"report.json": "newer"})
    assert texts(tmp_path) == {"report.json": "newer", "thesis.txt": "mine"}


def test_a_run_file_that_is_a_pipe_or_link_is_no_mark(tmp_path: Path) -> None:
    publish(tmp_path / "a", OLD)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "run.json").symlink_to(tmp_path / "a" / "run.json")
    (tmp_path / "c").mkdir()
    os.mkfifo(tmp_path / "c" / "run.json")
    for name in "bc":
        with pytest.raises(FileError, match="did not write"):
            publish(tmp_path / name, NEW)


@pytest.mark.parametrize(
    "listed", ["../thesis.txt", "sub/../../thesis.txt", "ABSOLUTE", "link/thesis.txt", ".", "a\0b"]
)
def test_a_list_of_files_cannot_reach_outside_its_folder(listed: str, tmp_path: Path) -> None:
    thesis, target = tmp_path / "thesis.txt", tmp_path / "results"
    thesis.write_text("mine")
    publish(target, {"old": "old"})
    (target / "link").symlink_to(tmp_path)
    run = json.loads((target / "run.json").read_text())
    name = str(thesis) if listed == "ABSOLUTE" else listed
    run["files"].append(name)
    run["sha256"][name] = result_update.digest(thesis)
    (target / "run.json").write_text(json.dumps(run))
    publish(target, {"new": "new"}, force=True)
    assert thesis.read_text() == "mine"
    assert texts(target) == {"new": "new"}


def test_a_new_file_is_not_written_through_a_link(tmp_path: Path) -> None:
    target, outside = tmp_path / "results", tmp_path / "outside"
    publish(target, {"old": "old"})
    outside.mkdir()
    (target / "sub").symlink_to(outside)
    with pytest.raises(FileError, match="the results are in"):
        publish(target, {"sub/file": "new"}, force=True)
    assert state(outside) == {}


def test_what_was_changed_since_is_not_overwritten(way: str, tmp_path: Path) -> None:
    target = tmp_path / "results"
    publish(target, OLD)
    (target / "both").write_text("edited")
    with pytest.raises(FileError, match=r"both: was changed since snmem wrote it.*--force"):
        publish(target, NEW)
    assert texts(target) == {**OLD, "both": "edited"}
    (target / "only-old").write_text("edited")
    publish(target, NEW, force=True)
    assert texts(target) == {**NEW, "only-old": "edited"}


def test_results_that_find_their_place_taken_are_kept(way: str, tmp_path: Path) -> None:
    target = tmp_path / "results"
    publish(target, OLD)
    for number in (2, 3):
        with result_folder(target) as folder:
            (folder.draft / "report").write_text("new")
            (target / "report").write_text("mine")
            with pytest.raises(FileError, match=f"results/report: was not written .* in {tmp_path}/results-{number}$"):
                folder.publish({"verb": "probe"})
        assert texts(target) == {**OLD, "report": "mine"}
        assert texts(tmp_path / f"results-{number}") == {"report": "new"}


def test_folders_of_version_0_1_are_brought_up_to_date(way: str, tmp_path: Path) -> None:
    for name in ("kept", "edited"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.json").write_text("old")
        (tmp_path / name / "run.json").write_text(json.dumps({**FIRST_FORM, "files": ["report.json"]}))
        publish(shutil.copytree(tmp_path / name, tmp_path / f"{name} copy", copy_function=shutil.copyfile), NEW)
        assert texts(tmp_path / f"{name} copy") == NEW
    publish(tmp_path / "kept", NEW)
    assert texts(tmp_path / "kept") == NEW
    later = (tmp_path / "edited" / "run.json").stat().st_mtime + 60
    os.utime(tmp_path / "edited" / "report.json", (later, later))
    with pytest.raises(FileError, match="was changed since"):
        publish(tmp_path / "edited", NEW)


def _file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file"


def _below_a_file(folder: Path) -> Path:
    return _file(folder) / "results"


def _long(folder: Path) -> Path:
    return folder / ("x" * 300)


def _null(folder: Path) -> Path:
    return folder / "a\0b"


@pytest.mark.parametrize("place", [_file, _below_a_file, _long, _null], ids=lambda f: f.__name__)
@pytest.mark.parametrize("force", [False, True])
def test_a_place_that_cannot_be_written_is_one_error(place: Any, force: bool, tmp_path: Path) -> None:
    target = place(tmp_path)
    before = state(tmp_path)
    with pytest.raises(FileError, match="another"):
        publish(target, NEW, force)
    assert state(tmp_path) == before


def test_two_runs_at_once_end_as_one_of_them(way: str, tmp_path: Path) -> None:
    target = tmp_path / "results"
    publish(target, OLD)
    with result_folder(target) as first, result_folder(target) as second:
        (first.draft / "first").write_text("1")
        (second.draft / "second").write_text("2")
        first.publish({"verb": "probe"})
        (second.draft / "late").write_text("2")
        second.publish({"verb": "probe"})
    assert texts(target) == {"second": "2", "late": "2"}
    assert [path.name for path in tmp_path.iterdir()] == ["results"]


def test_two_first_runs_at_once_end_as_one_of_them(tmp_path: Path) -> None:
    target = tmp_path / "new" / "results"
    with result_folder(target) as first, result_folder(target) as second:
        (first.draft / "first").write_text("1")
        (second.draft / "second").write_text("2")
        first.publish({"verb": "probe"})
        second.publish({"verb": "probe"})
    assert texts(target) == {"second": "2"}
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


# ---- kills ---------------------------------------------------------------------------------------------------------


def _is_whole(target: Path, run: dict[str, str], mine: dict[str, str]) -> bool:
    """Whether a folder holds exactly one run, as it was written, and other files."""
    described = read_run(target)
    assert described is not None
    assert all(unchanged(target, name, described) for name in described.files)
    visible = {name: text for name, text in texts(target).items() if not name.startswith(".snmem-")}
    return visible == {**run, **mine}


Before = Callable[[Path], dict[str, str]]


def _absent(target: Path) -> dict[str, str]:
    return {}


def _only_ours(target: Path) -> dict[str, str]:
    publish(target, OLD)
    return {}


def _with_others(target: Path) -> dict[str, str]:
    publish(target, OLD)
    (target / "sub" / "note").write_text("mine")
    return {"sub/note": "mine"}


@pytest.mark.parametrize("before", [_absent, _only_ours, _with_others], ids=lambda f: f.__name__)
def test_a_kill_at_any_step_leaves_the_old_run_or_the_new_one(
    before: Before, way: str, fast: None, tmp_path: Path
) -> None:
    """In one step, or after the next run has finished what was begun; also under the same process id."""
    folder = tmp_path / "folder"
    folder.mkdir()
    target = folder / "results"
    mine = before(target)
    moves = way == "moves" or before is _with_others
    for step in kill_at_steps(lambda: publish(target, NEW), folder):
        if before is not _absent or target.exists():
            if moves and not (target / "run.json").exists():  # says that the folder is not whole
                assert set(mine) <= set(texts(target))
            else:
                assert _is_whole(target, OLD, mine) or _is_whole(target, NEW, mine)
        with result_folder(target):
            assert (before is _absent and not target.exists()) or (
                _is_whole(target, OLD, mine) or _is_whole(target, NEW, mine)
            )
        publish(target, {"next": str(step)})
        assert texts(target) == {"next": str(step), **mine}
        assert [path.name for path in folder.iterdir()] == ["results"]
    assert _is_whole(target, NEW, mine)


def test_a_file_written_during_an_interrupted_update_is_kept(fast: None, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    target = folder / "results"
    _with_others(target)
    seen = 0
    for _ in kill_at_steps(lambda: publish(target, NEW), folder):
        if (target / "run.json").exists() or texts(target)["both"] == "new":
            continue
        (target / "both").write_text("mine")
        with result_folder(target):
            assert texts(target) == {**NEW, "sub/note": "mine", "both.kept-1": "mine"}
        seen += 1
    assert seen
