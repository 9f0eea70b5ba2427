"""Builds random polars frames from a seed: every dtype, also nested, names of every kind, frames
without rows or columns.
"""

import datetime as dt
import decimal
from random import Random
from typing import Any, Callable

import polars as pl
from frame_cells import CELLS, DAY, NOON, WORDS, same_cell

ROWS_MAX, COLUMNS_MAX, DEPTH_MAX = 6, 4, 3
NAMES = ("a", "b", "c", "d", "e", "f", "ü", " ", "column_0", "version", "data", "0", "__index_level_0__")
ODD_NAMES = ("", "", "a\0b", "\0")
NUMBERS = [getattr(pl, name) for name in ("Int8", "Int16", "Int32", "Int64", "Int128", "UInt8", "UInt16", "UInt32", "UInt64", "UInt128") if hasattr(pl, name)]
FLOATS = [getattr(pl, name) for name in ("Float16", "Float32", "Float64") if hasattr(pl, name)]
Cell = Callable[[Random], Any]
# polars 1 has no arrays of categories.
OLD = pl.__version__.startswith("1.")


def _enum(rng: Random) -> tuple[Any, Cell]:
    words = rng.sample(["x", "y", "z", "", "ü"], rng.randrange(1, 5))
    return pl.Enum(words), lambda rng: rng.choice(words)


def _decimal(rng: Random) -> tuple[Any, Cell]:
    scale = rng.randrange(5)
    return pl.Decimal(rng.choice((10, 38)), scale), lambda rng: decimal.Decimal(rng.randrange(-999, 999)).scaleb(-scale)


def _moment(rng: Random) -> tuple[Any, Cell]:
    zone = rng.choice((None, "UTC", "Europe/Berlin"))
    zone_of = None if zone is None else dt.timezone.utc
    return pl.Datetime(rng.choice(("ms", "us", "ns")), zone), lambda rng: NOON.replace(microsecond=0, tzinfo=zone_of) + dt.timedelta(hours=rng.randrange(999))


SIMPLE: dict[str, Callable[[Random], tuple[Any, Cell]]] = {
    "number": lambda rng: (rng.choice(NUMBERS), lambda rng: rng.randrange(100)),
    "float": lambda rng: (rng.choice(FLOATS), lambda rng: rng.choice((0.0, -0.0, 1.5, float("nan"), float("inf")))),
    "bool": lambda _rng: (pl.Boolean, lambda rng: rng.random() < 0.5),
    "text": lambda _rng: (pl.String, lambda rng: rng.choice(WORDS)),
    "bytes": lambda _rng: (pl.Binary, lambda rng: rng.choice((b"", b"\0\xff", b"x" * 40))),
    "date": lambda _rng: (pl.Date, lambda rng: DAY + dt.timedelta(days=rng.randrange(999))),
    "time": lambda _rng: (pl.Time, lambda rng: dt.time(rng.randrange(24), 1, 2, 3)),
    "moment": _moment,
    "span": lambda rng: (pl.Duration(rng.choice(("ms", "us", "ns"))), lambda rng: dt.timedelta(seconds=rng.randrange(999))),
    "decimal": _decimal,
    "category": lambda _rng: (pl.Categorical, lambda rng: rng.choice(WORDS)),
    "enum": _enum,
    "null": lambda _rng: (pl.Null, lambda _rng: None),
}


def _holed(cell: Cell) -> Cell:
    return lambda rng: None if rng.random() < 0.2 else cell(rng)


def build_dtype(rng: Random, depth: int, simple: tuple = tuple(SIMPLE)) -> tuple[Any, Cell]:
    """A dtype and a function that makes cells of it."""
    if depth == DEPTH_MAX or rng.random() < 0.6:
        return SIMPLE[rng.choice(simple)](rng)
    kind = rng.choice(("list", "array", "struct"))
    if kind == "struct":
        names = rng.sample((*NAMES, *(ODD_NAMES if rng.random() < 0.1 else ())), rng.randrange(4))
        fields = {name: build_dtype(rng, depth + 1, simple) for name in names}
        makers = {name: _holed(cell) for name, (_, cell) in fields.items()}
        return pl.Struct({name: dtype for name, (dtype, _) in fields.items()}), lambda rng: {name: cell(rng) for name, cell in makers.items()}
    # polars panics for empty arrays, and for arrays of words and numbers, inside structs.
    if kind == "array" and (depth > 0 or OLD):
        simple = tuple(set(simple) - {"enum", "category"})
    dtype, cell = build_dtype(rng, depth + 1, tuple(sorted(simple)))
    inner, size = _holed(cell), rng.randrange(0 if depth == 0 else 1, 4)
    if kind == "array":
        return pl.Array(dtype, size), lambda rng: [inner(rng) for _ in range(size)]
    return pl.List(dtype), lambda rng: [inner(rng) for _ in range(rng.randrange(4))]


def _objects(rng: Random, name: str, count: int) -> pl.Series:
    kinds = rng.sample(list(CELLS), 2)
    # polars converts a column that begins with an enum member to the members' values.
    return pl.Series(name, [0, *[_holed(CELLS[rng.choice(kinds)])(rng) for _ in range(count)]], dtype=pl.Object)[1:]


def build_frame(seed: int) -> pl.DataFrame:
    rng = Random(seed)
    count, width = rng.randrange(ROWS_MAX + 1), rng.randrange(COLUMNS_MAX + 1)
    names = list(dict.fromkeys(rng.sample((*NAMES, *(ODD_NAMES if rng.random() < 0.2 else ())), width)))
    return pl.DataFrame({name: _column(rng, name, count) for name in names})


def _column(rng: Random, name: str, count: int) -> pl.Series:
    if rng.random() < 0.05:
        return _objects(rng, name, count)
    dtype, cell = build_dtype(rng, 0)
    series = pl.Series(name, [_holed(cell)(rng) for _ in range(count)], dtype=dtype)
    # A view that begins inside its buffers, and a frame of several chunks.
    if rng.random() < 0.2:
        return series.slice(1)[:0].extend(series) if rng.random() < 0.5 else pl.concat([series[:1], series[1:]], rechunk=False)
    return series


def difference(seen: Any, put: pl.DataFrame) -> str:
    """The first difference in dtypes, names, order or cells; an empty text if the frames are equal.
    """
    if type(seen) is not type(put) or seen.shape != put.shape:
        return f"{type(seen)} of {getattr(seen, 'shape', None)}"
    if list(seen.schema.items()) != list(put.schema.items()):
        return f"{seen.schema} instead of {put.schema}"
    for name in put.columns:
        for ours, theirs in zip(_cells_of(seen[name]), _cells_of(put[name])):
            if not same_cell(ours, theirs):
                return f"column {name!r}: {ours!r} instead of {theirs!r}"
    return ""


def _cells_of(column: pl.Series) -> list[Any]:
    """The cells; as numbers if one is a day that Python's calendar does not have.

    polars panics or overflows over such days. polars 1.36 even builds them: in arrays in lists in
    structs it stores microseconds, whatever the unit of the dtype.
    """
    try:
        return column.to_list()
    except (pl.exceptions.PanicException, OverflowError):
        return column.to_physical().to_list()
