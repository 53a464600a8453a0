"""Files are replaced as a whole, and links, devices and the drafts of others are left alone."""

import contextlib
import errno
import os
import socket
import stat
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from steps import kill_at_steps, state

from snmem.errors import FileError
from snmem.io import drafts, files
from snmem.io.files import replace_file


def write(path: Path, content: bytes = b"new", mode: str = "wb") -> None:
    with replace_file(path, mode) as file:
        file.write(content)


def test_a_file_appears_when_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with replace_file(path, "w") as file:
        file.write("né")
        assert path.read_bytes() == b"old"
    assert state(tmp_path) == {"file": "né".encode()}


def test_an_error_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replace_file(path) as file:  # noqa: PT012
        file.write(b"half")
        1 / 0  # noqa: B018
    assert state(tmp_path) == {"file": b"old"}


def test_permissions_are_those_of_the_old_file_or_the_usual_ones(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.touch()
    old.chmod(0o604)
    before = os.umask(0o027)
    try:
        write(old)
        write(new)
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (old, new)] == [0o604, 0o640]


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_file_is_replaced(there: bool, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    if there:
        (folder / "file").write_bytes(b"old")
    (tmp_path / "second").symlink_to("elsewhere/file")
    (tmp_path / "first").symlink_to("second")
    write(tmp_path / "first")
    assert state(tmp_path) == {
        "elsewhere": None,
        "elsewhere/file": b"new",
        "first": Path("second"),
        "second": Path("elsewhere/file"),
    }


@pytest.mark.skipif(os.geteuid() != 0, reason="gives a file to another user")
def test_a_link_of_another_user_in_a_shared_folder_is_refused(tmp_path: Path) -> None:
    shared, mine = tmp_path / "shared", tmp_path / "mine"
    shared.mkdir()
    shared.chmod(0o1777)
    mine.write_bytes(b"mine")
    (shared / "page").symlink_to(mine)
    os.chown(shared / "page", 1234, 1234, follow_symlinks=False)
    with pytest.raises(FileError, match="link of another user"):
        write(shared / "page")
    assert mine.read_bytes() == b"mine"


def test_null_stays_a_device() -> None:
    before = Path("/dev/null").stat()
    write(Path("/dev/null"))
    assert os.path.samestat(Path("/dev/null").stat(), before)
    assert stat.S_ISCHR(before.st_mode)


def test_a_named_pipe_gets_the_content(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with replace_file(pipe, "w+b") as file:  # what HDF5 needs: to go back and read
        file.write(b"xbcd")
        file.seek(0)
        file.write(b"a")
        file.seek(0)
        assert file.read() == b"abcd"
    reader.join()
    assert got == [b"abcd"]
    assert pipe.is_fifo()


def test_a_pipe_that_nobody_reads_is_no_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_PIPE_PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FileError, match="nobody reads"):
        write(tmp_path / "pipe")


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_standard_output_is_written_to(name: str, tmp_path: Path) -> None:
    code = f"""
from snmem.io.files import replace_file
print("first", flush=True)
with replace_file({name!r}) as file:
    file.write(b"second")
"""
    with (tmp_path / "out").open("wb") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert state(tmp_path) == {"out": b"first\nsecond"}
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, check=True)
    assert done.stdout == b"first\nsecond"


def _missing(folder: Path) -> Path:
    return folder / "no" / "file"


def _long(folder: Path) -> Path:
    return folder / ("x" * 300)


def _null(folder: Path) -> Path:
    return folder / "a\0b"


def _surrogate(folder: Path) -> Path:
    return folder / "a\ud800b"


def _loop(folder: Path) -> Path:
    (folder / "loop").symlink_to("loop")
    return folder / "loop"


def _below_a_file(folder: Path) -> Path:
    (folder / "file").touch()
    return folder / "file" / "x"


def _socket(folder: Path) -> Path:
    with socket.socket(socket.AF_UNIX) as made, contextlib.chdir(folder):  # the names of sockets are short
        made.bind("s")
    return folder / "s"


def _folder(folder: Path) -> Path:
    return folder


@pytest.mark.parametrize(
    "place", [_missing, _long, _null, _surrogate, _loop, _below_a_file, _socket, _folder], ids=lambda f: f.__name__
)
def test_a_place_that_cannot_be_written_is_one_error(place: object, tmp_path: Path) -> None:
    path = place(tmp_path)  # type: ignore[operator]
    before = set(tmp_path.iterdir())
    with pytest.raises(FileError, match=r"cannot be written \(.+\); choose another place") as caught:
        write(path)
    assert isinstance(caught.value.__cause__, (OSError, ValueError))
    assert set(tmp_path.iterdir()) == before


def test_a_long_name_that_the_system_allows_is_written(tmp_path: Path) -> None:
    write(tmp_path / ("x" * 255))
    assert state(tmp_path) == {"x" * 255: b"new"}


@pytest.mark.parametrize("name", ["open", "write", "fsync", "replace"])
def test_the_error_told_is_the_first_one(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that turns read-only refuses the removal of the draft as well."""

    def perform(operation, *arguments, **options):
        if operation.__name__ in (name, "unlink"):
            number = errno.EROFS if operation.__name__ == name else errno.EIO
            raise OSError(number, os.strerror(number))
        return operation(*arguments, **options)

    monkeypatch.setattr(files, "perform", perform)
    monkeypatch.setattr(drafts, "perform", perform)
    (tmp_path / "file").write_bytes(b"old")
    if name == "fsync":  # EROFS there means: nothing to wait for
        write(tmp_path / "file")
    else:
        with pytest.raises(FileError, match="Read-only file system"):
            write(tmp_path / "file")
        assert (tmp_path / "file").read_bytes() == b"old"


def test_a_full_disk_is_one_error() -> None:
    with pytest.raises(FileError, match=r"/dev/full: cannot be written \(No space left on device\)"):
        write(Path("/dev/full"))


def test_a_write_protected_file_is_kept() -> None:
    """As another user, since root may write everything; in a folder that others reach, however pytest was started."""
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        folder = Path(name)
        folder.chmod(0o777)
        kept, other = folder / "kept", folder / "other"
        for path, mode in ((kept, 0o444), (other, 0o666)):
            path.write_bytes(b"old")
            path.chmod(mode)
        process = os.fork()
        if process == 0:
            try:
                if os.geteuid() == 0:
                    os.setuid(1234)
                write(other)
                write(kept)
            except FileError as error:
                os._exit("kept: cannot be written (Permission denied)" not in str(error))
            finally:
                os._exit(2)
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0
        assert (kept.read_bytes(), other.read_bytes()) == (b"old", b"new")


def test_threads_may_write_the_same_file(tmp_path: Path) -> None:
    path, errors = tmp_path / "file", []

    def work(number: int) -> None:
        try:
            for _ in range(20):
                write(path, bytes([number]) * 10_000)
        except FileError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(path.read_bytes())) == 1
    assert set(state(tmp_path)) == {"file"}


def test_drafts_of_the_living_stay_and_those_of_the_dead_go(tmp_path: Path) -> None:
    dead = tmp_path / drafts.private_name()
    dead.write_bytes(b"half")
    (tmp_path / drafts.private_name()).mkdir()
    foreign = tmp_path / f"{drafts.DRAFT}mine.txt"
    foreign.write_bytes(b"mine")
    link = tmp_path / drafts.private_name()
    link.symlink_to(foreign)
    with replace_file(tmp_path / "other") as living:
        write(tmp_path / "file")
        living.write(b"whole")
    assert state(tmp_path) == {"file": b"new", "other": b"whole", foreign.name: b"mine", link.name: foreign}


def test_a_kill_at_any_step_loses_nothing_and_blocks_nobody(tmp_path: Path) -> None:
    """Also under the process id of the run that was killed."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / "file"
    path.write_bytes(b"old" * 1000)
    steps = 0
    for _ in kill_at_steps(lambda: write(path, b"new" * 1000), folder):
        assert path.read_bytes() in (b"old" * 1000, b"new" * 1000)
        write(path, b"next")
        assert state(folder) == {"file": b"next"}
        steps += 1
    assert steps > 5
    assert state(folder) == {"file": b"new" * 1000}
