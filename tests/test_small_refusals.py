"""Small things that users do at once: done, or refused in one line that names what to give instead."""

import pytest

from snmem import LIF, Network, Population, plots, read_nir, simulate
from snmem.errors import InputError
from snmem.nir_io import inspect_nir


@pytest.mark.parametrize("read", [read_nir, inspect_nir])
def test_what_is_no_path_is_named(read):
    with pytest.raises(InputError, match="got a int; give the path"):
        read(3)


def test_raster_of_populations_of_one_neuron():
    network = Network((Population("a", 1, LIF(bias=2.0)), Population("b", 1, LIF())), ())
    figure = plots.recall_raster(simulate(network, {}, 3), 1)
    assert [ax.get_ylabel().splitlines()[0] for ax in figure.axes] == ["a", "b"]
