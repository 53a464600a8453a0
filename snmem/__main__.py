"""``python -m snmem`` is the command ``snmem``."""

import sys

from .cli import main

sys.exit(main())
