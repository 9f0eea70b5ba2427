"""Cells of every class for the builders of frames, and a comparison by type, value and order."""

import datetime as dt
import decimal
import enum
import fractions
import pathlib
import uuid
from random import Random
from typing import Any, Callable

import numpy as np
import pandas as pd


class Colour(enum.Enum):
    RED = 1


class Text(str):
    """An instance of a subclass of str."""


class Own:
    def __init__(self, number: int):
        self.number = number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Own) and other.number == self.number


WORDS = ["", "a", "b", "zz", "ü", "1", "True", "x\0y", "\U0001f525", "2024-01-01", "None", "nan", "long " * 20]
DAY = dt.date(2024, 2, 29)
NOON = dt.datetime(2024, 2, 29, 12, 30, 1, 5)

# Class of cell -> a cell.
CELLS: dict[str, Callable[[Random], Any]] = {
    "text": lambda rng: rng.choice(WORDS),
    "text of a subclass": lambda rng: Text(rng.choice(WORDS)),
    "text of numpy": lambda rng: np.str_(rng.choice(WORDS)),
    "lone surrogate": lambda _rng: "\ud800",
    "integer": lambda rng: rng.randrange(-5, 5),
    "large integer": lambda rng: 2 ** rng.choice((62, 63, 64, 200)),
    "integer of numpy": lambda rng: np.int16(rng.randrange(9)),
    "bool": lambda rng: rng.random() < 0.5,
    "float": lambda rng: rng.choice((0.5, -0.0, 1e300, float("inf"))),
    "complex": lambda _rng: 1j,
    "bytes": lambda rng: rng.choice((b"", b"\0\xff", b"x" * 40)),
    "bytearray": lambda _rng: bytearray(b"x"),
    "date": lambda rng: DAY + dt.timedelta(days=rng.randrange(1000)),
    "far date": lambda _rng: dt.date(9999, 12, 31),
    "datetime": lambda rng: NOON + dt.timedelta(seconds=rng.randrange(1000)),
    "datetime with a zone": lambda _rng: NOON.replace(tzinfo=dt.timezone.utc),
    "time": lambda rng: dt.time(rng.randrange(24), 5, 6, rng.randrange(10**6)),
    "time with a zone": lambda _rng: dt.time(1, tzinfo=dt.timezone.utc),
    "time with a fold": lambda _rng: dt.time(1, fold=1),
    "timedelta": lambda rng: dt.timedelta(microseconds=rng.randrange(10**9)),
    "decimal": lambda rng: decimal.Decimal(rng.randrange(-99, 99)).scaleb(-2),
    "decimal of any scale": lambda rng: decimal.Decimal(rng.choice(("1.0", "1.00", "-0", "NaN", "1E+5", "Infinity", "0.001"))),
    "fraction": lambda _rng: fractions.Fraction(1, 3),
    "list": lambda rng: [rng.randrange(3)] * rng.randrange(3),
    "tuple": lambda rng: (rng.randrange(3),),
    "set": lambda _rng: {1, 2},
    "dict": lambda rng: {rng.choice("xyz"): rng.randrange(3)},
    "dict of numbers": lambda _rng: {1: None},
    "array": lambda rng: np.arange(rng.randrange(3)),
    "timestamp": lambda _rng: pd.Timestamp(NOON),
    "timestamp with a zone": lambda _rng: pd.Timestamp(NOON, tz="Europe/Berlin"),
    "timedelta of pandas": lambda _rng: pd.Timedelta("1h"),
    "interval": lambda _rng: pd.Interval(1, 2),
    "period": lambda _rng: pd.Period("2024-01", "M"),
    "uuid": lambda rng: uuid.UUID(int=rng.randrange(2**128)),
    "path": lambda _rng: pathlib.PurePosixPath("/a"),
    "enum": lambda _rng: Colour.RED,
    "own class": lambda rng: Own(rng.randrange(3)),
    "function": lambda _rng: len,
    "type": lambda _rng: int,
    "what no pickle takes": lambda _rng: (n for n in [1]),
}
MISSING = (None, float("nan"), pd.NaT, pd.NA, np.datetime64("NaT"), decimal.Decimal("NaN"))


def same_cell(seen: Any, put: Any) -> bool:
    if type(seen) is not type(put):
        return False
    if isinstance(put, np.ndarray):
        return seen.dtype == put.dtype and seen.shape == put.shape and all(map(same_cell, seen.tolist(), put.tolist()))
    if isinstance(put, (list, tuple)):
        return len(seen) == len(put) and all(map(same_cell, seen, put))
    if isinstance(put, dict):
        # Order is part of a dict, and so are the types of its keys.
        return same_cell(list(seen.items()), list(put.items()))
    if isinstance(put, (float, np.floating, complex, decimal.Decimal, dt.time, np.datetime64)):
        return repr(seen) == repr(put)
    if put is pd.NaT or put is pd.NA:
        return seen is put
    return bool(seen == put)
