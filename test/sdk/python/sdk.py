"""Shared by the cases of the SDK: settings for one block, and values with their comparison."""

import math
import os
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa

SETTINGS = tuple(
    f"FLAME_{name}"
    for name in (
        *("CACHE_ENDPOINT", "CACHE_STORAGE", "ZERO_COPY", "VALIDATE", "ALLOW_PICKLE", "WARN_PICKLE", "LEGACY_VALUES", "KEPT_BYTES"),
        *("CA_FILE", "CACHE_TOKEN", "CACHE_TOKEN_FILE", "CACHE_CLIENT_CERT", "CACHE_CLIENT_KEY"),
    )
)


@contextmanager
def settings(**wanted: Any) -> Iterator[None]:
    """Sets exactly these variables of the client: `settings(endpoint=..., storage=...,
    zero_copy="0")`.
    """
    names = {name.rpartition("_CACHE_")[2].removeprefix("FLAME_").lower(): name for name in SETTINGS}
    before = {name: os.environ.pop(name, None) for name in SETTINGS}
    os.environ.update({names[key]: str(value) for key, value in wanted.items()})
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def fails(kind: type, code: str) -> Iterator[Any]:
    """Expects the block to raise this class of FlameError with this code. The list gets the error.
    """
    caught: list = []
    try:
        yield caught
    except kind as error:
        assert error.code == code, error
        caught.append(error)
    else:
        raise AssertionError(f"nothing was raised; want {kind.__name__}")


def location_of(path: Path, **changed: int) -> str:
    """The `file://` location that a server would send for a file. Arguments replace its numbers."""
    status = path.stat()
    facts = {"size": status.st_size, "dev": status.st_dev, "ino": status.st_ino, "mtime_ns": status.st_mtime_ns, **changed}
    return path.as_uri() + "?" + "&".join(f"{name}={value}" for name, value in facts.items())


class Point:
    def __init__(self, x: int):
        self.x = x

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Point) and other.x == self.x


class ByteArrays:
    """Holds arrays of 80,000 numbers. Two instances are equal if their arrays are."""

    def __init__(self, count: int):
        self.arrays = [np.arange(80_000) + number for number in range(count)]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ByteArrays) and all(map(np.array_equal, self.arrays, other.arrays))


def _nested(depth: int) -> list:
    value: list = []
    for _ in range(depth):
        value = [value]
    return value


def _shared(doublings: int) -> list:
    value: list = []
    for _ in range(doublings):
        value = [value, value]
    return value


# Name -> (value, its type tag; None for a table).
VALUES: dict[str, tuple[Any, Any]] = {
    "floats": ([0.5] * 2000, 5),
    "floats of every size": ([1e-5, -0.0, 1e300, 1e16] * 500, 5),
    "floats beyond JSON": ([math.inf, 1e-5, -0.0, 1e300] * 500, 0),
    "floats and a number": ([0.5] * 2000 + [1], 5),
    "dict of large arrays": ({"a": bytearray(5), "b": ByteArrays(3)}, 7),
    "no bytes": (b"", 6),
    "bytes": (b"bytes", 6),
    "large bytes": (bytes(3_000_000), 6),
    "bytearray": (bytearray(b"bytes"), 6),
    "memoryview": (memoryview(b"a-b-c-")[::2], 6),
    "dict": ({"a": [1, -2.5, None, True], "ü\0": {"": "\u2028"}}, 5),
    "list": ([], 5),
    "text": ("text", 5),
    "None": (None, 5),
    "safe integer": (2**53 - 1, 5),
    "unsafe integer": (-(2**53), 0),
    "float": (-0.0, 5),
    "infinity": ([math.inf], 0),
    "lone surrogate": ("\ud800", 0),
    "tuple": ((1, 2), 0),
    "set": ({1, 2}, 0),
    "dict of numbers": ({1: 2}, 0),
    "dict with bytes": ({"a": b""}, 0),
    "own class": (Point(3), 0),
    "function": (len, 0),
    "a hundred lists deep": (_nested(99), 5),
    "deeper than JSON goes": (_nested(300), 0),
    "repeated beyond all bounds": (_shared(90), 0),
    "float array": (np.arange(10.0), 1),
    "large array": (np.arange(500_000, dtype=np.int32), 1),
    "array of several dimensions": (np.arange(24, dtype=np.uint8).reshape(2, 3, 4), 1),
    "array in column order": (np.asfortranarray(np.arange(6.0).reshape(2, 3)), 1),
    "array with gaps": (np.arange(20)[::3], 1),
    "array backwards": (np.arange(20)[::-1], 1),
    "array without dimensions": (np.array(1.5), 1),
    "array without elements": (np.zeros((0, 3), np.float16), 1),
    "bool array": (np.array([True, False]), 0),
    "array of other byte order": (np.arange(5, dtype=">i4"), 0),
    "complex array": (np.array([1j]), 0),
    "time array": (np.array(["2026-01-01"], "M8[s]"), 0),
    "object array": (np.array([None, "x"], object), 0),
    "structured array": (np.zeros(2, [("a", "i4"), ("b", "f8")]), 0),
    "table": (pa.table({"n": [1, None], "s": ["x", "y"]}).replace_schema_metadata({"own": "kept"}), None),
    "table of several batches": (pa.concat_tables([pa.table({"n": [1, 2]}), pa.table({"n": [3]})]), None),
    "table like an opaque value": (pa.table({"version": pa.array([1, 2], pa.uint64()), "data": [b"x", b"y"]}), 2),
    "table without rows": (pa.table({"n": pa.array([], pa.int8())}), None),
    "record batch": (pa.record_batch({"n": [1, 2]}), None),
    "record batch without rows": (pa.record_batch({"n": pa.array([], pa.int8())}), None),
    "arrow array": (pa.array([1, None, 3]), 3),
    "dictionary array": (pa.array(["a", "b", "a"]).dictionary_encode(), 3),
    "large arrow array": (pa.array(np.arange(300_000)), 3),
    "chunked array": (pa.chunked_array([[1], [2, 3]]), 3),
    "chunked array without chunks": (pa.chunked_array([], pa.int8()), 3),
    "pandas frame": (pd.DataFrame({"a": [1.5, None], "b": ["x", "y"]}, index=[5, 7]), None),
    "pandas frame of anything": (pd.DataFrame({"a": [len, 1]}), 0),
    "polars frame": (pl.DataFrame({"a": [1, None], "b": ["x", "y"]}), None),
}


def same(seen: Any, put: Any) -> bool:
    if isinstance(put, (bytearray, memoryview)):
        put = bytes(put)
    if type(seen) is not type(put):
        return False
    if isinstance(put, np.ndarray):
        return seen.dtype == put.dtype and seen.shape == put.shape and bool((seen == put).all())
    if isinstance(put, (pa.Table, pa.RecordBatch)):
        return seen.equals(put, check_metadata=True)
    if hasattr(put, "equals"):
        return seen.equals(put)
    return repr(seen) == repr(put) if isinstance(put, float) else seen == put
