"""Small things that users do at once: done, or refused in one line that names what to give instead."""

import nir
import pytest

from snmem import LIF, Network, Population, plots, read_nir, simulate
from snmem.errors import InputError
from snmem.nir_io import inspect_nir


@pytest.mark.parametrize("read", [read_nir, inspect_nir])
@pytest.mark.parametrize(
    ("value", "words"),
    [(nir.NIRGraph({}, []), r"NIRGraph; write it first: nir\.write"), (3, "got a int; give the path")],
)
def test_what_is_no_path_is_named(read, value, words):
    with pytest.raises(InputError, match=words):
        read(value)


def test_raster_of_populations_of_one_neuron():
    network = Network((Population("a", 1, LIF(bias=2.0)), Population("b", 1, LIF())), ())
    figure = plots.recall_raster(simulate(network, {}, 3), 1)
    assert [ax.get_ylabel().splitlines()[0] for ax in figure.axes] == ["a", "b"]
