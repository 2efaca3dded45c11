"""``python -m pynto``."""

import sys

from pynto.cli import main

sys.exit(main())
