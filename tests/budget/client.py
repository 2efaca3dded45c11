"""The client whose instructions are counted: ``client.py FOLDER BLOCKS CALLS``."""

import ctypes
import os
import sys

import pynto

marks = ctypes.CDLL(os.environ["PYNTO_BUDGET_MARKS"])
folder, blocks, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with pynto.connect(f"unix://{folder}/socket") as connection:
    echo = connection.root.echo
    for _ in range(calls):
        echo(1)
    marks.mark()
    for _ in range(blocks):
        for _ in range(calls):
            echo(1)
        marks.mark()
