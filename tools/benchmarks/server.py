"""A peer's server, in a process of its own: ``server.py PEER ADDRESS``."""

import importlib
import sys

importlib.import_module(f"peers.{sys.argv[1]}_peer").serve(sys.argv[2])
