"""Tables of unusual shape: without batches, rows or columns, with very many of them, with odd names and deep types."""

import pyarrow as pa

from support.calls import get, put
from support.cases import each
from support.expect import same_batches
from support.tables import numbers

STORAGES = ("files", "none")


def _empty_columns(count: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_struct_array(pa.array([{}] * count, pa.struct([])))


def _wide(columns: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(
        [pa.array([n], pa.int16()) for n in range(columns)], [f"c{n}" for n in range(columns)]
    )


def _deep(depth: int) -> pa.RecordBatch:
    cell, kind = 1, pa.int8()
    for level in range(depth):
        cell, kind = ([cell], pa.list_(kind)) if level % 2 else ({"f": cell}, pa.struct([("f", kind)]))
    return pa.RecordBatch.from_arrays([pa.array([cell, None], kind)], ["deep"])


def _named(*names: str) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([n]) for n in range(len(names))], list(names))


TABLES = {
    "no row": [numbers(0)],
    "rows only in the middle": [numbers(0), numbers(5), numbers(0), numbers(0), numbers(3)],
    "no column and no row": [_empty_columns(0)],
    "no column and five rows": [_empty_columns(5), _empty_columns(0), _empty_columns(2)],
    "three thousand columns": [_wide(3000), _wide(3000)],
    "two thousand batches": [numbers(n % 5) for n in range(2000)],
    "sixty levels of nesting": [_deep(60)],
    "two columns of one name": [_named("same", "same", "other")],
    "names that are empty, long or odd": [
        _named("", "é" * 5000, "flame.cache.version", "a\0b", "data", "version", "🔥")
    ],
    "a batch of thirty mebibytes": [numbers(4_000_000)],
}


@each(TABLES)
def case_comes_back_equal_with(cache, batches):
    key = cache.key()
    put(cache.client, key, batches)
    same_batches(get(cache.client, key).batches, batches)
    conditional = [
        batch.replace_schema_metadata(batches[0].schema.metadata) for batch in get(cache.client, f"{key}:0").batches
    ]
    same_batches(conditional, batches)


def case_comes_back_with_its_schema_and_no_batch(cache):
    key, schema = cache.key(), pa.schema([pa.field("a", pa.int8(), nullable=False)], metadata={"k": "v"})
    put(cache.client, key, [], schema=schema)
    reply = get(cache.client, key)
    assert reply.schema.equals(schema, check_metadata=True)
    assert reply.batches == []
    assert get(cache.client, f"{key}:0").batches == []


def case_comes_back_without_columns_and_batches(cache):
    key = cache.key()
    put(cache.client, key, [], schema=pa.schema([]))
    reply = get(cache.client, key)
    assert (len(reply.schema), reply.batches) == (0, [])


def case_a_table_of_many_mebibytes_in_many_batches_comes_back_equal(cache):
    key, batch = cache.key(), numbers(100_000)
    put(cache.client, key, [batch] * 60)
    reply = get(cache.client, key)
    assert len(reply.batches) == 60
    assert all(seen.equals(batch) for seen in reply.batches)
