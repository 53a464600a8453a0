"""The recorded answers of other frameworks: what is exact stays so, and the page of the docs says what is true."""

from pathlib import Path

import pytest

from snmem.verify.interop import PAGE, interop, markdown

PAGE_FILE = Path(__file__).parent.parent / "docs" / "interop.md"
#: Primitives of nir 1.0.8 but Input and Output, which stand in every graph.
PRIMITIVES = {
    *("Linear", "Affine", "Scale", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten", "Delay", "Threshold"),
    *("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF", "NIRGraph"),
}


@pytest.fixture(scope="module")
def result():
    return interop()


def test_eight_frameworks_and_all_primitives_both_ways(result):
    assert len(result["frameworks"]) >= 8
    for name in result["frameworks"]:
        for direction in ("theirs", "ours"):
            rows = [r for r in result["rows"] if r["framework"] == name and r["direction"] == direction]
            assert {r["primitive"].split(",")[0] for r in rows} >= PRIMITIVES


def test_every_difference_has_its_cause(result):
    for row in result["rows"]:
        assert row["status"] in ("spike-exact", "differs", "refused", "crashes", "read", "not exported")
        assert row["why"] or row["status"] == "spike-exact"


def test_spikes_are_compared_where_there_are_some(result):
    exact = [r for r in result["rows"] if r["status"] == "spike-exact"]
    assert {r["framework"] for r in exact} >= {"snntorch", "norse", "sinabs", "rockpool", "spikingjelly", "spyx"}
    assert all(r["entries"] > 0 for r in exact)


def test_the_page_is_made_of_the_records(result):
    assert PAGE_FILE.read_text(encoding="utf-8") == PAGE + markdown(result)
