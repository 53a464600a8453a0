"""Public measurements of whole systems beside what the profiles say of them: read, predicted, and judged.

A measurement is a row of a file in ``hardware/measured``; a new one is a new file. Rows whose figures made a profile
are marked ("fit", "source") and never count as checks.
"""

from .measurements import Measurement, read_measurements
from .report import check, check_page, summary

__all__ = ["Measurement", "check", "check_page", "read_measurements", "summary"]
