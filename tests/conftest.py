"""Settings of all tests: no windows, and the same examples in every run."""

import os

from hypothesis import settings

os.environ["MPLBACKEND"] = "Agg"
settings.register_profile("snmem", deadline=None, derandomize=True)
settings.load_profile("snmem")
