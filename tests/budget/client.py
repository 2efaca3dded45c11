"""The client whose instructions are counted: ``client.py FOLDER BLOCKS CALLS BATCHES STEPS``."""

import ctypes
import os
import sys

import pynto

marks = ctypes.CDLL(os.environ["PYNTO_BUDGET_MARKS"])
folder = sys.argv[1]
blocks, calls, batches, steps = map(int, sys.argv[2:])


def pipelined() -> None:
    for _ in range(batches):
        with connection.pipeline() as p:
            f = p.root.echo
            promises = [f(1) for _ in range(steps)]
        for promise in promises:
            promise.result()


with pynto.connect(f"unix://{folder}/socket") as connection:
    echo = connection.root.echo
    for _ in range(calls):
        echo(1)
    marks.mark()
    for _ in range(blocks):
        for _ in range(calls):
            echo(1)
        marks.mark()
    pipelined()
    marks.mark()
    for _ in range(blocks):
        pipelined()
        marks.mark()
