"""Builds random pandas frames from a seed: every dtype, every kind of index and labels, every class
of cell.
"""

from random import Random
from typing import Any, Callable

import numpy as np
import pandas as pd
import pyarrow as pa
from frame_cells import CELLS, DAY, MISSING, NOON, WORDS, same_cell

ROWS_MAX, COLUMNS_MAX = 6, 4
ZONES = ("UTC", "Europe/Berlin", "+02:00", "America/St_Johns")
UNITS = ("s", "ms", "us", "ns")
Make = Callable[[Random, int], Any]


def _integers(rng: Random, count: int) -> list:
    return [rng.randrange(100) for _ in range(count)]


def _holed(rng: Random, values: list, hole: Any = None) -> list:
    return [hole if rng.random() < 0.3 else value for value in values]


def _moments(rng: Random, count: int) -> pd.DatetimeIndex:
    moments = [pd.Timestamp(NOON) + pd.Timedelta(seconds=rng.randrange(10**6)) for _ in range(count)]
    return pd.DatetimeIndex(_holed(rng, moments, pd.NaT) if rng.random() < 0.3 else moments).as_unit(rng.choice(UNITS))


def _spans(rng: Random, count: int) -> pd.TimedeltaIndex:
    return pd.TimedeltaIndex([pd.Timedelta(seconds=n) for n in _integers(rng, count)]).as_unit(rng.choice(UNITS))


def _floats(rng: Random, count: int) -> np.ndarray:
    return np.array([rng.choice((0.0, -0.0, 1.5, np.nan, np.inf, 7.0)) for _ in range(count)])


def _periods(rng: Random, count: int) -> pd.PeriodIndex:
    freq = rng.choice(("D", "M", "Q-NOV", "W-SUN", "h", "2D", "min", "Y"))
    return pd.PeriodIndex([pd.Period(year=2000 + n % 20, month=1, day=1, freq=freq) for n in _integers(rng, count)], freq=freq, dtype=f"period[{freq}]")


def _intervals(rng: Random, count: int) -> pd.IntervalIndex:
    low = rng.choice((pd.Index(np.arange(count)), pd.Index(np.arange(count) / 2), pd.date_range("2024", periods=count), pd.timedelta_range("1h", periods=count)))
    step = pd.Timedelta("1D") if low.dtype.kind in "mM" else 1
    return pd.IntervalIndex.from_arrays(low, low + step, closed=rng.choice(("left", "right", "both", "neither")))


def _categories(rng: Random, count: int) -> Any:
    labels = LABELS[rng.choice(CATEGORY_KINDS)](rng, rng.randrange(1, 4)).unique()
    labels = labels[~labels.isna()]
    codes = [rng.randrange(-1, len(labels)) for _ in range(count)]
    return pd.Categorical.from_codes(codes, categories=labels, ordered=rng.random() < 0.3)


ARROW = [
    (pa.int8(), [1, None]),
    (pa.float64(), [float("nan"), None, 1.5]),
    (pa.bool_(), [True, None]),
    (pa.string(), ["x", None]),
    (pa.large_string(), ["x", ""]),
    (pa.binary(), [b"x", None]),
    (pa.date32(), [DAY, None]),
    (pa.date64(), [DAY, None]),
    (pa.time64("us"), [NOON.time(), None]),
    (pa.timestamp("ms"), [NOON.replace(microsecond=0), None]),
    (pa.timestamp("ns", "Europe/Berlin"), [NOON, None]),
    (pa.duration("s"), [5, None]),
    (pa.decimal128(9, 3), [None]),
    (pa.list_(pa.int64()), [[1, 2], [], None]),
    (pa.list_(pa.int8(), 2), [[1, 2], None]),
    (pa.struct([("x", pa.int64()), ("y", pa.list_(pa.string()))]), [{"x": 1, "y": None}, None]),
    (pa.map_(pa.string(), pa.int8()), [[("k", 1)], None]),
    (pa.dictionary(pa.int8(), pa.string()), ["x", None]),
    (pa.null(), [None]),
]


def _arrow(rng: Random, count: int) -> Any:
    kind, values = rng.choice(ARROW)
    return pd.array(pa.array([rng.choice(values) for _ in range(count)], kind), dtype=pd.ArrowDtype(kind))


def _objects(rng: Random, count: int) -> pd.Series:
    """Mostly cells of one class, as in usual columns."""
    names = rng.sample(list(CELLS), rng.choice((1, 1, 1, 2, 5))) if rng.random() < 0.6 else ["text"]
    cells = [CELLS[rng.choice(names)](rng) for _ in range(count)]
    holes = rng.choice(((), (), (None,), (float("nan"),), MISSING))
    cells = [rng.choice(holes) if holes and rng.random() < 0.3 else cell for cell in cells]
    array = np.empty(count, object)
    array[:] = cells if not any(isinstance(cell, (list, tuple, np.ndarray)) for cell in cells) else None
    for at, cell in enumerate(cells):
        array[at] = cell
    return pd.Series(array, dtype=object)


def _masked_nan(rng: Random, count: int) -> Any:
    numbers = pd.array(_holed(rng, [0.0] * count), dtype=rng.choice(("Float32", "Float64")))
    return numbers / rng.choice((0.0, 1.0))


def _sparse(rng: Random, count: int) -> Any:
    return pd.arrays.SparseArray(rng.choice((_integers(rng, count), list(_floats(rng, count)), [True] * count)))


def _strings(rng: Random, count: int) -> Any:
    values = _holed(rng, [rng.choice(WORDS) for _ in range(count)])
    return pd.array(values, dtype=rng.choice(STRINGS))


def _dtypes_of_strings() -> list:
    dtypes = ["string", pd.StringDtype("python"), pd.StringDtype("pyarrow")]
    # In pandas 3, nan can stand for a missing text, and does by default.
    return [*dtypes, "str", pd.StringDtype("python", na_value=np.nan)] if int(pd.__version__.split(".")[0]) >= 3 else dtypes


STRINGS = _dtypes_of_strings()
NUMBERS = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16", "g", ">i4", ">f8")
NULLABLE = ("Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64", "Float32", "Float64")

COLUMNS: dict[str, Make] = {
    "numbers": lambda rng, count: np.array(_integers(rng, count)).astype(rng.choice(NUMBERS)),
    "integers": lambda rng, count: np.array(_integers(rng, count), dtype=np.int64),
    "floats": _floats,
    "texts": lambda rng, count: pd.Series(_holed(rng, [rng.choice(WORDS) for _ in range(count)], rng.choice((None, float("nan")))), dtype=object),
    "bools": lambda rng, count: np.array([n % 2 == 0 for n in _integers(rng, count)], bool),
    "moments": _moments,
    "moments with a zone": lambda rng, count: pd.DatetimeIndex(_moments(rng, count)).tz_localize("UTC").tz_convert(rng.choice(ZONES)),
    "spans": _spans,
    "nullable numbers": lambda rng, count: pd.array(_holed(rng, _integers(rng, count)), dtype=rng.choice(NULLABLE)),
    "nullable bools": lambda rng, count: pd.array(_holed(rng, [True] * count), dtype="boolean"),
    "nan beside NA": _masked_nan,
    "strings": _strings,
    "Arrow's": _arrow,
    "categories": _categories,
    "intervals": lambda rng, count: pd.Series(_intervals(rng, count)).where([n % 5 > 0 for n in _integers(rng, count)]),
    "periods": _periods,
    "sparse": _sparse,
    "objects": _objects,
}

ORDINARY = ["integers", "floats", "bools", "moments", "moments with a zone", "strings", "texts", "nullable numbers", "periods"]

LABELS: dict[str, Make] = {
    "default": lambda _rng, count: pd.RangeIndex(count),
    "range": lambda rng, count: pd.RangeIndex(start := rng.randrange(5), start + 2 * count, 2),
    "words": lambda rng, count: pd.Index([rng.choice(WORDS) + str(at) for at in range(count)]),
    "words as objects": lambda rng, count: pd.Index(_holed(rng, [f"w{at}" for at in range(count)], rng.choice((None, np.nan, "w"))), dtype=object),
    "strings": lambda rng, count: pd.Index(_strings(rng, count)),
    "integers": lambda rng, count: pd.Index(np.array(_integers(rng, count)).astype(rng.choice(("i8", "i4", "u1")))),
    "floats": lambda rng, count: pd.Index(_floats(rng, count)),
    "bools": lambda rng, count: pd.Index(np.array([n % 2 == 0 for n in _integers(rng, count)], bool)),
    "moments": lambda rng, count: _moments(rng, count),
    "moments at a freq": lambda rng, count: pd.date_range("2024-01-01", periods=count, freq=rng.choice(("D", "h", "MS", "B", "2min", "W-SUN", "QS-FEB")), tz=rng.choice((None, *ZONES))),
    "moments of business": lambda _rng, count: pd.date_range("2024-01-01", periods=count, freq=pd.offsets.CustomBusinessDay(weekmask="Mon Wed")),
    "moments with a zone": lambda rng, count: COLUMNS["moments with a zone"](rng, count),
    "spans": _spans,
    "spans at a freq": lambda rng, count: pd.timedelta_range("1h", periods=count, freq=rng.choice(("h", "2D", "30s"))),
    "periods": _periods,
    "intervals": _intervals,
    "categories": lambda rng, count: pd.CategoricalIndex(_categories(rng, count)),
    "nullable": lambda rng, count: pd.Index(pd.array(_integers(rng, count), dtype=rng.choice(NULLABLE))),
    "Arrow's": lambda rng, count: pd.Index(pd.array(_integers(rng, count), dtype=pd.ArrowDtype(pa.int32()))),
    "objects": lambda rng, count: pd.Index(_hashable(rng, count), dtype=object, tupleize_cols=False),
    "tuples": lambda rng, count: pd.Index([(n, str(n)) for n in _integers(rng, count)], dtype=object, tupleize_cols=False),
    "a number and its text": lambda _rng, count: pd.Index([1, "1", True, "True", 1.0, None][:count], dtype=object),
    "levels": lambda rng, count: _levels(rng, count),
}
CATEGORY_KINDS = [kind for kind in LABELS if kind not in ("categories", "levels", "tuples")]
HASHABLE = [kind for kind in CELLS if not {"list", "set", "dict", "array", "bytearray", "own class"} & {kind, kind.split()[0]}]


def _hashable(rng: Random, count: int) -> list:
    kind = rng.choice(HASHABLE)
    return [CELLS[kind](rng) for _ in range(count)]


def _levels(rng: Random, count: int) -> pd.MultiIndex:
    kinds = [rng.choice(CATEGORY_KINDS) for _ in range(rng.choice((1, 2, 2, 3)))]
    names = [rng.choice((None, "k", "l", 3)) for _ in kinds]
    return pd.MultiIndex.from_arrays([LABELS[kind](rng, count) for kind in kinds], names=names)


NAMES = (None, None, None, "k", "", "column", "__index_level_0__", 3, 1.5, ("a", 1), pd.Timestamp(NOON), float("nan"))
ATTRS = ({"a": [1, {"b": None}]}, {1: 2}, {"t": (1, 2)}, {"n": float("nan")}, {"o": object}, {"f": 0.5, "text": "ü"})


def build_frame(seed: int) -> pd.DataFrame:
    rng = Random(seed)
    count, width = rng.randrange(ROWS_MAX + 1), rng.randrange(COLUMNS_MAX + 1)
    kinds = ORDINARY if rng.random() < 0.5 else list(COLUMNS)
    columns = [pd.Series(COLUMNS[rng.choice(kinds)](rng, count)) for _ in range(width)]
    frame = pd.concat(columns, axis=1) if columns else pd.DataFrame(index=pd.RangeIndex(count))
    frame.columns = _labels(rng, width, ("words",) if rng.random() < 0.6 else tuple(LABELS))
    frame.index = _labels(rng, count, ("default",) if rng.random() < 0.4 else tuple(LABELS))
    if rng.random() < 0.1:
        frame.attrs = dict(rng.choice(ATTRS))
    if rng.random() < 0.03 and frame.columns.is_unique and frame.index.is_unique:
        frame = frame.set_flags(allows_duplicate_labels=False)
    return frame


def _labels(rng: Random, count: int, kinds: tuple) -> pd.Index:
    labels = LABELS[rng.choice(kinds)](rng, count)
    if rng.random() < 0.2 and labels.nlevels == 1:
        labels.name = rng.choice(NAMES)
    return labels


def difference(seen: Any, put: pd.DataFrame) -> str:
    """The first visible difference; an empty text if the frames are equal."""
    if type(seen) is not type(put) or seen.shape != put.shape:
        return f"{type(seen)} of {getattr(seen, 'shape', None)}"
    if not same_cell(seen.attrs, put.attrs):
        return f"attrs {seen.attrs}"
    if seen.flags.allows_duplicate_labels != put.flags.allows_duplicate_labels:
        return "flags"
    for what in ("columns", "index"):
        found = _difference_of_index(getattr(seen, what), getattr(put, what))
        if found:
            return f"{what}: {found}"
    for at in range(put.shape[1]):
        found = _difference_of_array(seen.iloc[:, at].array, put.iloc[:, at].array)
        if found:
            return f"column {at}: {found}"
    return ""


def _difference_of_index(seen: pd.Index, put: pd.Index) -> str:
    if type(seen) is not type(put) or seen.nlevels != put.nlevels:
        return f"{type(seen)} instead of {type(put)}"
    if not same_cell(list(seen.names), list(put.names)):
        return f"names {seen.names} instead of {put.names}"
    if getattr(seen, "freq", None) != getattr(put, "freq", None):
        return f"freq {seen.freq} instead of {put.freq}"
    for level in range(put.nlevels):
        found = _difference_of_array(seen.get_level_values(level).array, put.get_level_values(level).array)
        if found:
            return f"level {level}: {found}"
    return ""


def _difference_of_array(seen: Any, put: Any) -> str:
    found = _difference_of_dtype(seen.dtype, put.dtype)
    if found:
        return found
    for ours, theirs in zip(seen, put):
        if not same_cell(ours, theirs):
            return f"{ours!r} of {type(ours)} instead of {theirs!r} of {type(theirs)}"
    return ""


def _difference_of_dtype(seen: Any, put: Any) -> str:
    if type(seen) is not type(put) or seen != put or str(seen) != str(put):
        return f"dtype {seen!r} instead of {put!r}"
    if isinstance(put, pd.CategoricalDtype):
        return _difference_of_index(seen.categories, put.categories)
    if isinstance(put, pd.StringDtype) and (seen.storage, str(seen.na_value)) != (put.storage, str(put.na_value)):
        return f"dtype {seen!r} of {seen.storage} instead of {put.storage}"
    return ""
