"""Writes the tables of bench/checks.ts: IPC streams of one batch, NAME-SIZE.arrows, into the directory that is the argument."""

import pathlib
import sys

import numpy as np
import pyarrow as pa

OUT = pathlib.Path(sys.argv[1])
RANDOM = np.random.default_rng(11)
WORDS = np.array(["alpha", "beta", "a longer word, with a comma", "x", "gr\u00fc\u00dfe", "delta-12345"])


def ints(size):
    rows = size // 8
    return pa.table({"n": pa.array(RANDOM.integers(0, 1 << 40, rows), mask=RANDOM.random(rows) < 0.1)})


def strings(size):
    return pa.table({"text": pa.array(WORDS[RANDOM.integers(0, len(WORDS), max(1, size // 13))])})


def nested(size):
    lists = max(1, size // 80)
    ends = np.concatenate([[0], np.cumsum(RANDOM.integers(0, 6, lists))]).astype(np.int32)
    rows = int(ends[-1])
    inner = pa.StructArray.from_arrays(
        [pa.array(RANDOM.integers(0, 1 << 40, rows)), pa.array(WORDS[RANDOM.integers(0, len(WORDS), rows)])],
        ["id", "name"],
    )
    return pa.table({"items": pa.ListArray.from_arrays(pa.array(ends), inner)})


for make in (ints, strings, nested):
    for size in (1 << 10, 1 << 20, 16 << 20):
        table = make(size).combine_chunks()
        with pa.ipc.new_stream(OUT / f"{make.__name__}-{size}.arrows", table.schema) as writer:
            writer.write_table(table)
