"""What a running verb says, on standard error."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .._text import visible


def say(message: str) -> None:
    """Print one line about what happens now."""
    try:
        print(f"snmem: {visible(message)}", file=sys.stderr, flush=True)
    except BrokenPipeError:  # as where standard output is read by nobody
        raise
    except OSError:  # a full disk, a terminal that is gone: the work goes on
        pass


@contextmanager
def stages() -> Iterator[Callable[[str], None]]:
    """Give a function to call with the name of each stage that begins.

    In a terminal every stage is a bar with its time; elsewhere it is a line.
    """
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from .._rich import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield say
        return
    columns = (SpinnerColumn(), BarColumn(20), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=console) as progress:

        def finish() -> None:
            for task in progress.task_ids:
                progress.update(task, total=1, completed=1)

        def begin(stage: str) -> None:
            finish()
            progress.add_task(visible(stage), total=None)

        yield begin
        finish()
