"""The client whose instructions are counted: ``client.py FOLDER BLOCKS CALLS BATCHES STEPS CONNECTIONS``."""

import ctypes
import os
import sys

import pynto

marks = ctypes.CDLL(os.environ["PYNTO_BUDGET_MARKS"])
address = f"unix://{sys.argv[1]}/socket"
blocks, calls, batches, steps, connections = map(int, sys.argv[2:])


def pipelined() -> None:
    for _ in range(batches):
        with connection.pipeline() as p:
            f = p.root.echo
            promises = [f(1) for _ in range(steps)]
        for promise in promises:
            promise.result()


def connect() -> None:
    for _ in range(connections):
        with pynto.connect(address) as connection:
            connection.root.echo(1)


with pynto.connect(address) as connection:
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
connect()
marks.mark()
for _ in range(blocks):
    connect()
    marks.mark()
