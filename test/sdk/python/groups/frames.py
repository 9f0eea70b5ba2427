"""Frames, tables and arrays that users reported as changed come back equal; so do random frames by
their seeds.
"""

import datetime as dt
import pickle

import frames_campaign
import numpy as np
import pandas as pd
import pandas_builder
import polars as pl
import polars_builder
import pyarrow as pa
from sdk import fails, settings
from support.cases import each

from flame_object_cache import InvalidValue, UnreadableValue, decode_value, encode_value, get_object, put_object

STORAGES = ("files", "none")
SEEDS = 100
OBJECTS = {"dtype": object}
DAYS = pd.date_range("2024-01-01", periods=2)
# The year 50000: polars has such days, Python's calendar ends with 9999.
FAR = pl.Series("far", [1_515_000_000_000_000, None, 1]).cast(pl.Datetime("ms", "UTC"))

PANDAS = {
    "interval categories": pd.DataFrame({"a": pd.cut([1, 5, 9], [0, 3, 6, 10])}),
    "lists of Arrow": pd.DataFrame({"a": pd.Series([[1, 2], None], dtype=pd.ArrowDtype(pa.list_(pa.int64())))}),
    "structs of Arrow": pd.DataFrame({"a": pd.Series([{"x": 1}], dtype=pd.ArrowDtype(pa.struct([("x", pa.int64())])))}),
    "timedeltas as labels": pd.DataFrame([[1, 2]], columns=pd.to_timedelta(["1h", "2h"])),
    "periods as labels": pd.DataFrame([[1, 2]], columns=pd.period_range("2024-01", periods=2, freq="M")),
    "bools as labels": pd.crosstab(pd.Series([1, 2]), pd.Series([True, False])),
    "a number and its text as labels": pd.DataFrame([[1, 2]], columns=[1, "1"]),
    "numbers as labels": pd.DataFrame([[1, 2]]),
    "one label twice": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "dicts of other keys": pd.DataFrame({"a": [{"x": 1}, {"y": 2}]}),
    "lists in cells": pd.DataFrame({"a": [["x", "y"], ["z"]]}),
    "text as objects, None missing": pd.DataFrame({"a": pd.Series(["x", None], **OBJECTS)}),
    "text as objects, nan missing": pd.DataFrame({"a": pd.Series(["x", np.nan], **OBJECTS)}),
    "an index with a freq": pd.DataFrame({"a": [1, 2]}, index=DAYS),
    "an index of half hours": pd.DataFrame({"a": [1, 2]}, index=pd.timedelta_range("1h", periods=2, freq="30min")),
    "nullable numbers as index": pd.DataFrame({"a": [1]}, index=pd.Index([1], dtype="Int64")),
    "text as objects as index": pd.DataFrame({"a": [1, 2]}, index=pd.Index(["x", None], **OBJECTS, name="n")),
    "text as objects in a level": pd.DataFrame({"a": [1, 2]}, index=[pd.Index(["x", "y"], **OBJECTS), [1, 2]]),
    "a level that is alone": pd.DataFrame({"a": [1]}, index=pd.MultiIndex.from_tuples([(1,)])),
    "an index whose name is a number": pd.DataFrame({"a": [1]}, index=pd.Index(["x"], name=3)),
    "nothing but an index": pd.DataFrame(index=range(3)),
    "attrs with a tuple": pd.DataFrame({"a": [1]}),
    "flags": pd.DataFrame({"a": [1]}).set_flags(allows_duplicate_labels=False),
    "times in cells": pd.DataFrame({"a": [dt.time(1), dt.time(2, fold=1)]}),
}
PANDAS["attrs with a tuple"].attrs = {"a": (1, 2)}
# Ordinary frames, which other languages must be able to read.
TABLES = {
    "mixed columns": pd.DataFrame({"a": [1], "b": [0.5], "c": ["x"], "d": [True], "e": DAYS[:1].tz_localize("UTC"), "f": pd.Categorical(["x"])}),
    **{name: PANDAS[name] for name in ("numbers as labels", "an index with a freq", "text as objects, nan missing", "nothing but an index")},
}
POLARS = {
    "objects": pl.DataFrame({"a": pl.Series([{1, 2}, None], dtype=pl.Object), "b": [1, 2]}),
    "a name of no letters": pl.DataFrame({"": [1], "column_0": [2]}),
    "a name with a NUL": pl.DataFrame({"a\0b": [1]}),
    "a field with a NUL": pl.DataFrame({"a": [{"x\0": 1}]}),
    "arrays of nothing": pl.DataFrame({"a": pl.Series([[], None], dtype=pl.Array(pl.Int8, 0))}),
    "arrays in two chunks": pl.concat([pl.DataFrame({"a": pl.Series([[at, at]], dtype=pl.Array(pl.Int8, 2))}) for at in (1, 2)], rechunk=False),
    "numbers of 128 bits": pl.DataFrame({"a": pl.Series([2**100], dtype=pl.Int128)}),
    "an enum": pl.DataFrame({"a": pl.Series(["y", None], dtype=pl.Enum(["x", "y"]))}),
    "days beyond Python's calendar": FAR.to_frame(),
    "nested days beyond Python's calendar": pl.DataFrame({"a": [{"b": FAR}]}),
    "days beyond Python's calendar beside objects": pl.DataFrame({"a": FAR, "b": pl.Series([{1}, 2, None], dtype=pl.Object)}),
    "nested emptiness": pl.DataFrame({"a": pl.Series([[], None], dtype=pl.List(pl.Struct({"": pl.Array(pl.Int8, 2)})))}),
    "no rows": pl.DataFrame(schema={"a": pl.Categorical, "b": pl.Decimal(10, 2), "c": pl.Datetime("ns", "UTC")}),
    "nothing": pl.DataFrame(),
}


def _travel(cache):
    def travel(value):
        with settings(endpoint=cache.endpoint):
            return get_object(put_object(cache.prefix(), value))

    return travel


@each(PANDAS)
def case_of_pandas_come_back_equal(cache, frame):
    assert pandas_builder.difference(_travel(cache)(frame), frame) == ""


@each(TABLES)
def case_of_pandas_are_tables_where_Arrow_and_a_note_keep_them(_cache, frame):
    assert isinstance(encode_value(frame), pa.Table)
    assert pandas_builder.difference(decode_value(encode_value(frame)), frame) == ""


@each(POLARS)
def case_of_polars_come_back_equal(cache, frame):
    assert polars_builder.difference(_travel(cache)(frame), frame) == ""


def case_of_pandas_built_by_seeds_come_back_equal_or_are_refused_by_name(cache):
    counts = frames_campaign.run("pandas", 1_000_000, SEEDS, _travel(cache))
    assert (counts.pop("wrong"), sum(counts.values())) == ([], SEEDS)
    assert min(counts["equal"], counts["pickled"]) > SEEDS // 10


def case_of_polars_built_by_seeds_come_back_equal_or_are_refused_by_name(cache):
    counts = frames_campaign.run("polars", 1_000_000, SEEDS, _travel(cache))
    assert (counts.pop("wrong"), sum(counts.values())) == ([], SEEDS)
    assert min(counts["equal"], counts["pickled"]) > SEEDS // 10


NAMED = {
    "a column of objects": (pd.DataFrame({"fine": [1], "lists": [[1]]}), "column 'lists'"),
    "a dtype": (pd.DataFrame({"fine": [1], "cut": pd.cut([1], [0, 3])}), "column 'cut'"),
    "an index": (pd.DataFrame({"fine": [1]}, index=pd.Index([1], dtype="Int8", name="small")), "index"),
    "a column of polars": (pl.DataFrame({"fine": [1], "sets": pl.Series([{1}], dtype=pl.Object)}), "column 'sets'"),
}


@each(NAMED)
def case_that_Arrow_would_change_are_refused_by_name_without_pickles(cache, entry):
    frame, name = entry
    with settings(endpoint=cache.endpoint, allow_pickle="0"), fails(InvalidValue, "INVALID_VALUE") as caught:
        put_object(cache.prefix(), frame)
    assert name in caught[0].text and "allow_pickle" in caught[0].text


def case_that_nothing_keeps_are_refused_by_name(cache):
    frames = {
        "column 'later'": pd.DataFrame({"later": [(n for n in [1])]}),
        "column 'deep'": pl.DataFrame({"deep": pl.Series([[]], dtype=pl.List(pl.Array(pl.Int8, 0)))}),
    }
    for name, frame in frames.items():
        with settings(endpoint=cache.endpoint), fails(InvalidValue, "INVALID_VALUE") as caught:
            put_object(cache.prefix(), frame)
        assert name in caught[0].text


def case_whose_notes_are_damaged_are_refused(_cache):
    table = encode_value(pd.DataFrame([[1, 2]], index=DAYS[:1]))
    for note in (b"{", b"[]", b'{"columns": [0, 7, 1]}', b'{"columns": 3}', b'{"freq": "no such"}', b'{"objects": {"9": "nan"}}', b'{"objects": 1}'):
        damaged = table.replace_schema_metadata({**table.schema.metadata, b"flame.cache.pandas": note})
        with fails(UnreadableValue, "UNREADABLE_VALUE"):
            decode_value(damaged)


def case_of_rows_without_columns_keep_their_rows(cache):
    table = pa.table({"a": [1, 2, 3]}).select([])
    assert _travel(cache)(table).num_rows == 3
    assert _travel(cache)(table.to_batches()[0]).num_rows == 3


def _types() -> dict:
    number, text = pa.int8(), pa.string()
    plain = [pa.null(), pa.bool_(), number, pa.float16(), text, pa.large_string(), pa.binary(), pa.binary(3), pa.date32(), pa.time64("ns")]
    plain += [pa.timestamp("us", "UTC"), pa.duration("s"), pa.month_day_nano_interval(), pa.decimal128(5, 2), pa.decimal256(50, 2)]
    views = [pa.string_view(), pa.binary_view(), pa.list_view(number), pa.large_list_view(text)]
    nested = [pa.list_(number), pa.large_list(text), pa.list_(number, 3), pa.struct([("a", number)]), pa.struct([]), pa.map_(text, number)]
    coded = [pa.dictionary(number, text), pa.list_(pa.dictionary(number, text)), pa.run_end_encoded(pa.int16(), text)]
    unions = [kind([pa.field("a", number), pa.field("b", text)]) for kind in (pa.dense_union, pa.sparse_union)]
    extended = [pa.uuid(), pa.bool8(), pa.opaque(number, "x", "y"), pa.fixed_shape_tensor(number, [2])]
    return {str(kind): kind for kind in (*plain, *views, *nested, *coded, *unions, *extended)}


@each(_types())
def case_without_elements_come_back_as_arrays_and_batches_of_their_type(cache, kind):
    array = pa.nulls(0, kind)
    batch = pa.RecordBatch.from_arrays([array], names=["a"])
    for value in (array, batch, pa.Table.from_batches([batch]), pa.Table.from_batches([], schema=batch.schema)):
        seen = _travel(cache)(value)
        assert isinstance(seen, type(value)) and seen.equals(value)


@each({"text": pa.array(["x", None, "long " * 9], pa.string_view()), "bytes": pa.array([b"x"], pa.binary_view())})
def case_of_views_are_put_and_got(cache, array):
    for value in (array, pa.table({"a": array}), pa.record_batch({"a": array})):
        assert _travel(cache)(value).equals(value)


def case_that_older_clients_wrote_are_read(_cache):
    frame = pd.DataFrame({"a": [1, 2]}, index=["x", "y"])
    metadata = {**pa.Table.from_pandas(frame).schema.metadata, b"flame.cache.logical_type": b"pandas.dataframe"}
    assert decode_value(pa.Table.from_pandas(frame).replace_schema_metadata(metadata)).equals(frame)
    assert decode_value(b"FLM\0" + pickle.dumps(frame)).equals(frame)
