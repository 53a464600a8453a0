"""The command line: ``snmem VERB ...``. What all verbs keep to is in :mod:`snmem.cli.contract`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from .signals import handled, untold, watch


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 success, 1 failure, 2 wrong usage, 128 + number of a signal.

    Parameters
    ----------
    argv : sequence of str
        Arguments; by default those of the process, which then has to end with the exit code.
    """
    args = list(sys.argv[1:] if argv is None else argv)
    with handled(process=argv is None):
        try:
            code = _main(args, process=argv is None)
        except KeyboardInterrupt:
            code = 130
        if untold():  # a signal came before or after the work of the verb
            from .contract import interrupted

            code = interrupted("--json" in args)
        return code


def _main(args: list[str], process: bool) -> int:
    from .streams import open_missing, unprintable

    open_missing()
    from typer import Abort
    from typer.exceptions import TyperException

    from .app import app
    from .contract import end_at_once, fail

    as_json = "--json" in args
    if process:
        watch(lambda: end_at_once(as_json))
    try:
        code = app(args=args, prog_name="snmem", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except TyperException as error:
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "snmem"
        return fail("UsageError", f"{error.format_message().rstrip('.')}; see {path} --help", error.exit_code, as_json)
    except Abort:
        return fail("Interrupted", "interrupted", 130, as_json)
    except OSError as error:  # of the help and the version: verbs do not raise
        return unprintable(error)
    except SystemExit as stop:  # what libraries make of a broken pipe
        if isinstance(stop.__context__, BrokenPipeError):
            return unprintable(stop.__context__)
        raise
