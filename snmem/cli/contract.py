"""What every verb keeps to.

- ``--json`` prints exactly one JSON object on standard output, and nothing else goes there. When the verb fails, the
  object is ``{"ok": false, "error": {"type": ..., "message": ...}}``.
- Without ``--json`` the result goes to standard output as tables. Progress and errors go to standard error.
- An error is one line, ``snmem: error: ...``, and a warning, ``snmem: warning: ...``. Exit codes: 0 success; 1 an
  error, or a result that is not ok (a check that differs, a target that is missed) or cannot be printed; 2 wrong usage;
  129 terminal closed; 130 Ctrl-C; 141 nobody reads standard output; 143 terminated.
- ``--debug`` shows the traceback of an error.
- ``--out DIR`` receives ``run.json`` (verb, configuration, versions, seed), ``report.json`` (what ``--json`` prints)
  and the files of the verb, all of them or, after a failure, none.
"""

from __future__ import annotations

import inspect
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from typer import Option, Typer

from .._text import visible
from ..errors import SnmemError, SnmemWarning
from ..io.drafts import remove_own
from .children import end_children
from .signals import alone, check, held, meaning, untold
from .streams import complain, print_json, restore_stdout, results_only_on_stdout, unprintable


@dataclass(frozen=True)
class Report:
    """What a verb hands back.

    data : the JSON object.
    tables : what a terminal shows: texts of one line each, as they are, and objects of rich.
    ok : False ends in exit code 1.
    silent : nothing is printed, as another process of the same run prints it.
    """

    data: Mapping[str, Any]
    tables: Sequence[Any]
    ok: bool = True
    silent: bool = False


_Json = Annotated[bool, Option("--json", help="Print one JSON object and nothing else.", rich_help_panel="Output")]
_Debug = Annotated[bool, Option("--debug", help="Show the traceback of an error.", rich_help_panel="Output")]
_Out = Annotated[
    Path | None,
    Option("--out", metavar="DIR", help="Folder for configuration, results and pictures.", rich_help_panel="Output"),
]
_Force = Annotated[
    bool,
    Option("--force", help="Write into DIR although it holds other files.", rich_help_panel="Output"),
]


def add_verb(app: Typer, name: str, function: Callable[..., Report], *, out: str | None = None) -> None:
    """Register ``function`` as the verb ``name``, with the shared options.

    If it takes ``out``, it gets the path of a draft folder to write its files into, or None; ``out`` here is then the
    default of ``--out``.
    """
    own = dict(inspect.signature(function, eval_str=True).parameters)
    shared: dict[str, tuple[Any, Any]] = {"as_json": (_Json, False), "debug": (_Debug, False)}
    if own.pop("out", None):
        shared = {"out": (_Out, Path(out) if out else None), "force": (_Force, False)} | shared

    def command(**values: Any) -> int:
        return _run(name, function, values)

    added = [
        inspect.Parameter(key, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
        for key, (kind, default) in shared.items()
    ]
    parameters = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own.values()] + added
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    command.__doc__ = function.__doc__
    app.command(name)(command)


def _run(name: str, function: Callable[..., Report], values: dict[str, Any]) -> int:
    as_json, debug = values.pop("as_json"), values.pop("debug")
    try:
        with results_only_on_stdout(as_json), _warnings_told():
            report = _work(name, function, values)
        check()
        return (not report.silent and _print(report, as_json)) or (0 if report.ok else 1)
    except (KeyboardInterrupt, Exception) as error:
        if isinstance(error, KeyboardInterrupt) or untold():  # a library may have made another error of it
            end_children(everything=alone())
            return interrupted(as_json)
        if isinstance(error, BrokenPipeError):  # nobody reads what the verb says on standard error
            return unprintable(error)
        return _failed(name, error, as_json, debug)


@contextmanager
def _warnings_told() -> Iterator[None]:
    """Warnings of snmem's are one line each, and told once; those of other packages are told as ever."""
    told = set()

    def show(message: Warning | str, category: type[Warning], *where: Any, **options: Any) -> None:
        text = warnings.formatwarning(message, category, *where[:2]).rstrip("\n")
        if issubclass(category, SnmemWarning):
            text = f"snmem: warning: {visible(' '.join(str(message).split()))}"
        if text not in told:
            complain(text)
        told.add(text)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _failed(name: str, error: Exception, as_json: bool, debug: bool) -> int:
    """Report the error that ended a verb."""
    kind, message = type(error).__name__, str(error)
    if isinstance(error, ModuleNotFoundError) and not (error.name or "").startswith("snmem") and not debug:
        remedy = f"pip install {error.name}, or see snmem doctor"
        kind, message = "MissingDependencyError", f"{name}: package {error.name!r} is not installed; {remedy}"
    elif not isinstance(error, SnmemError):
        hint = "" if debug else " (run it again with --debug and report what it shows)"
        message = f"unexpected {kind}: {message}{hint}"
    if debug:
        for line in traceback.format_exc().split("\n"):
            complain(visible(line))
    return fail(kind, message, 1, as_json)


def _work(name: str, function: Callable[..., Report], values: dict[str, Any]) -> Report:
    """Run the verb, with a result folder if it was asked for one."""
    if "out" not in values:
        return function(**values)
    from ..io.results import plain, versions, write_json
    from ..io.results.folder import result_folder

    out, force = values.pop("out"), values.pop("force")
    if (
        out is not None and "to" in values and out.name.endswith("-TO")
    ):  # the default folder of a verb with several targets
        out = out.with_name(out.name.removesuffix("TO") + values["to"])
    start, began = time.time(), time.monotonic()
    with result_folder(out, force) if out else nullcontext() as folder:
        report = function(**values, out=folder.draft if folder else None)
        if folder is None:
            return report
        data = folder.relocated(report.data)
        data.setdefault("files", [str(folder.target / path) for path in folder.files()])
        write_json(folder.draft / "report.json", data)
        run = {"verb": name, "config": plain(values), "seed": values.get("seed", data.get("seed"))}
        run |= {"versions": versions(), "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(start))}
        check()
        with held():
            folder.publish({**run, "seconds": round(time.monotonic() - began, 3)})
        return Report(data, [*report.tables, f"Files in {folder.target}"], report.ok)


def _print(report: Report, as_json: bool) -> int:
    """Print what a verb found; the exit code if standard output cannot be written, else 0."""
    try:
        if as_json:
            print_json(report.data)
        else:
            from rich.text import Text

            from .._rich import Console

            console = Console(width=None if sys.stdout.isatty() else 120)
            for table in report.tables:
                console.print(table, soft_wrap=isinstance(table, (str, Text)))
            sys.stdout.flush()
    except OSError as error:
        return unprintable(error)
    return 0


def fail(kind: str, message: str, code: int, as_json: bool) -> int:
    """Report an error as one line on standard error and, for ``--json``, as an object; return ``code``."""
    line = visible(" ".join(message.split()))
    complain(f"snmem: error: {line}")
    if as_json:
        try:
            print_json({"ok": False, "error": {"type": kind, "message": line}})
        except OSError as error:
            return unprintable(error, code)
    return code


def end_at_once(as_json: bool) -> None:
    """Report the signal and clean up in place of the main thread, which is about to be gone."""
    restore_stdout()
    interrupted(as_json)
    end_children(everything=True)
    remove_own()


def interrupted(as_json: bool) -> int:
    """Report the signal that ended a verb."""
    return fail(*meaning(), as_json)
