"""``python -m pynto.audit``: the command pynto-policy."""

import sys

from pynto.audit.cli import main

sys.exit(main())
