"""The verbs. Modules of verbs import what they need when a verb runs, so that ``snmem --help`` is quick."""

import sys
from contextlib import redirect_stdout
from typing import Annotated

import typer

from .. import __version__
from .contract import add_verb
from .nir import inspect
from .verbs.bench import bench
from .verbs.chips import chips
from .verbs.compile import compile
from .verbs.cost import cost
from .verbs.demo import demo
from .verbs.export import export
from .verbs.installation import doctor, lava
from .verbs.models import models, run
from .verbs.reproduce import reproduce
from .verbs.simulate import simulate
from .verbs.sweep import sweep
from .verbs.verify import interop, verify
from .verbs.view import view

app = typer.Typer(
    help="Associative memories and attention out of spiking neurons, carried to neuromorphic hardware.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"snmem {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        with redirect_stdout(sys.stderr):
            context.get_help()  # prints it
        raise typer.Exit(2)


add_verb(app, "demo", demo, out="snmem-demo")
add_verb(app, "models", models)
add_verb(app, "run", run)
add_verb(app, "sweep", sweep)
add_verb(app, "export", export)
add_verb(app, "inspect", inspect)
add_verb(app, "simulate", simulate)
add_verb(app, "view", view)
add_verb(app, "verify", verify)
add_verb(app, "interop", interop)
add_verb(app, "compile", compile, out="snmem-TO")
add_verb(app, "cost", cost)
add_verb(app, "chips", chips)
add_verb(app, "reproduce", reproduce)
add_verb(app, "bench", bench)
app.add_typer(lava, name="lava")
add_verb(app, "doctor", doctor)
