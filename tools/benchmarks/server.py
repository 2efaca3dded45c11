"""A peer's server, in a process of its own: ``server.py PEER ADDRESS``."""

import importlib
import resource
import sys

_, most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
importlib.import_module(f"peers.{sys.argv[1]}_peer").serve(sys.argv[2])
