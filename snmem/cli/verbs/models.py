"""``snmem models`` and ``snmem run``."""

from collections.abc import Mapping
from typing import Annotated, Any

from typer import Argument, Option

from ..contract import Report
from ..progress import stages


def models() -> Report:
    """List the models: what each does, and how to call it."""
    import inspect

    from ..._rich import Table
    from ...installation.content import content_names, load_script

    rows = []
    for name in content_names("models"):
        module = load_script("models", name)
        verbs = [verb for verb in ("run", "reproduce") if callable(getattr(module, verb, None))]
        function = getattr(module, "run", None)
        parameters = {}
        if function:
            found = inspect.signature(function).parameters.values()
            parameters = {p.name: p.default for p in found if p.default is not p.empty}
        title = (module.__doc__ or "").strip().splitlines()[0]
        shown = name.replace("_", "-")
        rows.append({"name": shown, "title": title, "verbs": verbs, "parameters": parameters})
    table = Table("model", "what it does", "snmem ...", "parameters of run")
    for row in rows:
        settings = " ".join(f"{key}={value}" for key, value in row["parameters"].items())
        table.add_row(row["name"], row["title"], ", ".join(row["verbs"]), settings)
    return Report({"ok": True, "models": rows}, [table])


def run(
    model: Annotated[
        str,
        Argument(
            metavar="MODEL[:FUNCTION]", help="A model that `snmem models` lists, the path of a .py file, or a module."
        ),
    ],
    settings: Annotated[list[str] | None, Option("--set", metavar="NAME=VALUE", help="A parameter of the run.")] = None,
    backend: Annotated[
        str | None, Option(metavar="NAME", help="Backend, for models with a parameter of that name.")
    ] = None,
    seed: Annotated[int, Option(min=0, help="Seed of all randomness.")] = 0,
) -> Report:
    """Run a model once and print its results."""
    from ..._rich import Table

    rank = 0
    if backend == "mpi" or any(text.replace(" ", "") == "backend=mpi" for text in settings or []):
        from ...distributed.world import session

        # Before anything is looked at: a rank that refused its arguments alone would leave the others waiting.
        with session({"model": model, "--set": settings, "--backend": backend, "--seed": seed}) as rank:
            fixed, results = _run_once(model, settings, backend, seed)
    else:
        fixed, results = _run_once(model, settings, backend, seed)
    found = {name: values.tolist() for name, (_, values) in results.items()}
    table = Table("result", "value", title=f"run {model}")
    for name, value in found.items():
        text = f"{value:.5g}" if isinstance(value, float) else f"{len(value)} values, in --json"
        table.add_row(name, text)
    data = {"ok": True, "model": model, "parameters": fixed, "seed": seed, "results": found}
    return Report(data, [table], silent=rank > 0)


def _run_once(
    model: str, settings: list[str] | None, backend: str | None, seed: int
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """The parameters that were given, and the results."""
    from ...sweep.points import Sweep
    from .sweep import single_values

    fixed = single_values(settings)
    if backend is not None:
        fixed |= _backend(model, backend, fixed)
    (point,) = Sweep(model, {}, fixed, (seed,)).points()
    return fixed, _results(model, point)


def _results(model: str, point: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a run of a model returns, by name; InputError for what it raises itself."""
    from ..._text import one_line
    from ...errors import InputError, SnmemError
    from ...sweep.points import execute

    try:
        with stages() as say:
            return execute(model, point, say)
    except SnmemError:
        raise
    except Exception as error:  # of the model, for values that it does not expect
        given = ", ".join(f"{name}={value}" for name, value in point.items())
        raise InputError(
            f"model {model!r} with {given}: {type(error).__name__}: {one_line(error)}; give other values "
            "(--debug shows where)"
        ) from error


def _backend(model: str, backend: str, fixed: Mapping[str, Any]) -> dict[str, Any]:
    """The backend as a parameter of the model, if the model has one."""
    import inspect

    from ...errors import InputError
    from ...simulation import get_backend
    from ...sweep.points import find_function

    get_backend(backend)  # raises, naming the known ones
    parameters = inspect.signature(find_function(model)).parameters
    if "backend" not in parameters:
        known = ", ".join(name for name in parameters if name != "report")
        raise InputError(f"model {model!r}: --backend: it runs no network of one's choice; its parameters are {known}")
    if "backend" in fixed:
        raise InputError("--backend and --set backend=...: give one of them")
    return {"backend": backend}
