"""``snmem export``: the network of a model as a NIR file."""

from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from ..contract import Report


def export(
    model: Annotated[str, Argument(metavar="MODEL", help="Model whose network to write; a wrong name lists them.")],
    file: Annotated[Path, Argument(metavar="FILE.nir", help="File to write.")],
    settings: Annotated[list[str] | None, Option("--set", metavar="NAME=VALUE", help="A parameter of it.")] = None,
    seed: Annotated[int, Option(min=0, help="Seed of all randomness.")] = 0,
) -> Report:
    """Make the network of a model and write it as NIR."""
    from ...errors import InputError
    from ...installation.content import content_names, load_model, load_script
    from ...nir_io import write_nir
    from ...sweep.points import Sweep
    from .sweep import single_values

    if not callable(getattr(module := load_model(model), "network", None)):
        known = [n.replace("_", "-") for n in content_names("models") if hasattr(load_script("models", n), "network")]
        raise InputError(f"model {model!r}: has no network to write; use one of {', '.join(known)}, or a path")
    fixed = single_values(settings)
    Sweep(f"{model}:network", {}, fixed, (seed,))  # checks the names of the parameters
    network = module.network(seed=seed, **fixed)
    write_nir(network, file)
    data = {"ok": True, "model": model, "file": str(file), "seed": seed, "parameters": fixed}
    data |= {"populations": {p.name: p.size for p in network.populations}, "network_sha256": network.digest()}
    data |= {"projections": {q.name: q.synapses for q in network.projections}}
    neurons, synapses = sum(p.size for p in network.neurons), sum(data["projections"].values())
    return Report(data, [f"{file}: {neurons:,} neurons, {synapses:,} synapses; `snmem inspect {file}` shows them"])
