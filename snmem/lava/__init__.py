"""Networks on real Lava (lava-nc 0.10.0): installation, compilation to Lava processes, and runs in a watched child.

Lava is archived, hangs where it should complain, and sets the start method of ``multiprocessing`` for whoever imports
it. So this process never imports it: :mod:`.plan` says what to build, :mod:`.session` starts a clean interpreter that
builds and runs it (:mod:`.child`, :mod:`.builder`) and ends it whatever happens.

``with LavaSession():`` around several ``simulate(..., backend="lava_fixed")`` calls starts that interpreter once.
"""

from .session import LavaSession

__all__ = ["LavaSession"]
