"""Does every runtime give the same spikes? One network, run on all of them and compared entry by entry."""

from ..stimuli import poisson
from .report import Verdict, verify_tables
from .run import BASELINE, verify

__all__ = ["BASELINE", "Verdict", "poisson", "verify", "verify_tables"]
