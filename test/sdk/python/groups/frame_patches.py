"""Rows appended to a frame must fit all its visible properties; otherwise they are refused and
change nothing.
"""

import pandas as pd
import polars as pl
import pyarrow as pa
from sdk import fails, settings
from support.cases import each

from flame_object_cache import FlameError, get_object, patch_object, put_object

STORAGES = ("files", "none")
ROWS = pd.DataFrame({"a": range(10)})


def _enum(words: list) -> pl.DataFrame:
    return pl.DataFrame({"a": pl.Series(words[:1], dtype=pl.Enum(words))})


def _metres(unit: str) -> pa.Table:
    return pa.table({"a": [1]}, schema=pa.schema([pa.field("a", pa.int64(), metadata={"unit": unit})]))


def _inner(unit: str) -> pa.Table:
    kind = pa.struct([pa.field("x", pa.int64(), metadata={"unit": unit})])
    return pa.table({"a": pa.array([{"x": 1}], kind)})


def _ordered(words: list) -> pd.DataFrame:
    return pd.DataFrame({"a": pd.Categorical(["x"], words, ordered=True)})


MISFITS = {
    "words of an enum": (_enum(["x", "y"]), _enum(["q", "y"])),
    "metadata of a field": (_metres("m"), _metres("km")),
    "metadata of a field within another": (_inner("m"), _inner("km")),
    "metadata of a field that the table has not": (pa.table({"a": [1]}), _metres("m")),
    "freq of a period": (pd.DataFrame({"a": pd.period_range("2024", periods=1, freq="D")}), pd.DataFrame({"a": pd.period_range("2024", periods=1, freq="M")})),
    "type of a label": (pd.DataFrame({1: [1]}), pd.DataFrame({"1": [1]})),
    "dtype": (pd.DataFrame({"a": [1]}), pd.DataFrame({"a": pd.array([1], dtype="Int64")})),
    "order of categories": (_ordered(["x", "y"]), _ordered(["y", "x"])),
    "name of the index": (ROWS.rename_axis("k"), ROWS),
    "levels of the index": (ROWS, ROWS.set_index(pd.Index(list("abcdefghij")))),
    "numbers of the rows": (ROWS[:3], ROWS[4:6]),
    "numbers of the rows again": (ROWS[5:7], ROWS[5:7]),
    "steps of the numbers": (ROWS[::2], ROWS[1::2]),
    "numbers of rows that the table does not have": (pa.table({"a": [1]}), ROWS[4:6]),
}


@each(MISFITS)
def case_with_another_are_refused_and_change_nothing(cache, entry):
    base, patch = entry
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), base)
        with fails(FlameError, "INVALID_REQUEST"):
            patch_object(ref, patch)
        assert get_object(ref).equals(base)


DAYS = [pd.DataFrame({"a": [1, 2]}, index=pd.date_range(start, periods=2)) for start in ("2024-01-01", "2024-01-03", "2025-01-01")]
FITTING = {
    "rows without numbers": ([ROWS[:3], ROWS[:2]], pd.concat([ROWS[:3], ROWS[:2]], ignore_index=True)),
    "chunks": ([ROWS[:3], ROWS[3:6], ROWS[6:]], ROWS),
    "chunks from elsewhere": ([ROWS[5:7], ROWS[7:9]], ROWS[5:9]),
    "chunks in steps": ([ROWS[1:6:2], ROWS[7::2]], ROWS[1::2]),
    "rows with labels": ([ROWS[:1].set_index([["x"]]), ROWS[1:2].set_index([["y"]])], ROWS[:2].set_index([["x", "y"]])),
    "numbers as labels of columns": ([pd.DataFrame([[1, 2]]), pd.DataFrame([[3, 4]])], pd.DataFrame([[1, 2], [3, 4]])),
    "days that go on": (DAYS[:2], pd.DataFrame({"a": [1, 2, 1, 2]}, index=pd.date_range("2024-01-01", periods=4))),
    "days after a gap": (DAYS[::2], pd.concat(DAYS[::2])),
    "an enum of the same words": ([_enum(["x", "y"]), _enum(["x", "y"])], pl.concat([_enum(["x", "y"])] * 2)),
}


@each(FITTING)
def case_that_fit_go_on_with_the_index(cache, entry):
    frames, whole = entry
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), frames[0])
        for frame in frames[1:]:
            patch_object(ref, frame)
        seen = get_object(ref)
    assert seen.equals(whole)
    freqs = [getattr(getattr(frame, "index", None), "freq", None) for frame in (seen, whole)]
    assert freqs[0] == freqs[1]


def case_of_tables_may_have_other_metadata_of_the_schema(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), pa.table({"a": [1]}).replace_schema_metadata({"own": "1"}))
        patch_object(ref, pa.table({"a": [2]}).replace_schema_metadata({"own": "2"}))
        patch_object(ref, ROWS[:1])
        assert get_object(ref).column("a").to_pylist() == [1, 2, 0]
