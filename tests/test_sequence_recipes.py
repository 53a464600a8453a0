"""The recipes of sequences and tasks meet their targets at the small size."""

import pytest

from snmem.lava import LavaSession
from snmem.protocols import reproduce


@pytest.fixture(scope="module", autouse=True)
def _lava():
    """One Lava process, started when the first network runs on it."""
    with LavaSession():
        yield


@pytest.mark.parametrize(
    "name", ["product-keys", "temporal-context", "induction", "pavlovian", "delay-motifs", "continual", "nalsm"]
)
def test_recipe_meets_its_targets(name, tmp_path):
    found = reproduce(name, quick=True, out=tmp_path, report=lambda text: None)
    assert [r["name"] for r in found["rows"] if not r["ok"]] == []
    assert [str(path) for path in tmp_path.iterdir()] == found["files"]
    runtimes = " ".join(r["name"] for r in found["rows"])
    assert all(backend in runtimes for backend in ("event", "loihi", "lava_fixed"))
