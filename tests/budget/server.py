"""The server whose instructions are counted: ``server.py FOLDER``."""

import sys
from pathlib import Path

import pynto
from served import Target

folder = Path(sys.argv[1])
server = pynto.Server(
    Target(), policy=folder / "policy.json", listen=f"unix://{folder}/socket", quotas={"refusals": 1_000_000}
)
print("ready", flush=True)
server.run()
