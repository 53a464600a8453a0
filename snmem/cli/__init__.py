"""The command line: ``snmem VERB ...``. What all verbs keep to is in :mod:`snmem.cli.contract`."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from types import FrameType


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 success, 1 failure, 2 wrong usage, 130 interrupted."""
    try:
        return _main(list(sys.argv[1:] if argv is None else argv))
    except KeyboardInterrupt:  # before a verb has begun
        print("snmem: error: interrupted", file=sys.stderr)
        return 130


def _main(args: list[str]) -> int:
    from typer import Abort
    from typer.exceptions import TyperException

    from .app import app
    from .contract import broken_pipe, fail

    as_json = "--json" in args
    before = signal.signal(signal.SIGTERM, _terminate)
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
    except BrokenPipeError:
        return broken_pipe()
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    """End as after Ctrl-C, so that drafts and children are cleaned up."""
    raise SystemExit(128 + number)
