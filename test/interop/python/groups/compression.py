"""Compressed bodies (docs/protocol.md, "DoPut" and "DoGet"): kept as they were put, and nothing is
compressed that was not."""

import os

import pyarrow as pa

from support.arrow_values import ARRAYS
from support.calls import get, patch, put
from support.cases import each
from support.expect import is_refusal, same_batches
from support.opaque import rows, three_field_rows, two_field_rows
from support.tables import numbers

STORAGES = ("files", "none")

CODECS = {"lz4": "lz4", "zstd": "zstd"}
REPETITIVE, RANDOM = b"again and " * 300_000, os.urandom(1 << 20)


def _options(codec: str) -> pa.ipc.IpcWriteOptions:
    return pa.ipc.IpcWriteOptions(compression=codec)


@each(CODECS)
def case_of_a_table_come_back_equal_and_still_compressed_by(cache, codec):
    key, batches = cache.key(), [numbers(500_000), numbers(0), numbers(3)]
    put(cache.client, key, batches, write_options=_options(codec))
    same_batches(get(cache.client, key).batches, batches)
    assert [batch.num_rows for batch in get(cache.client, f"{key}:0").batches] == [500_000, 0, 3]
    if cache.storage:
        # Half of each eight-byte number is zeros: compressed is far below the four megabytes of the cells.
        assert cache.written_file(key).stat().st_size < 3_500_000
        with pa.ipc.open_file(cache.written_file(key)) as reader:
            same_batches([reader.get_batch(index) for index in range(3)], batches)


@each(CODECS)
def case_of_every_type_come_back_equal_by(cache, codec):
    key, names = cache.key(), list(ARRAYS)
    count = min(len(array) for array in ARRAYS.values())
    batch = pa.RecordBatch.from_arrays([ARRAYS[name].slice(0, count) for name in names], names)
    put(cache.client, key, [batch, batch.slice(1)], write_options=_options(codec))
    same_batches(get(cache.client, key).batches, [batch, batch.slice(1)])


@each(CODECS)
def case_of_one_opaque_row_come_back_equal_by(cache, codec):
    for value in (REPETITIVE, RANDOM, b"x", b""):
        key = cache.key()
        put(cache.client, key, [rows(value)], write_options=_options(codec))
        assert two_field_rows(get(cache.client, key)) == [(1, value)]
        assert three_field_rows(get(cache.client, f"{key}:0")) == [(1, "base", value)]
        assert three_field_rows(get(cache.client, f"{key}:1")) == []


@each(CODECS)
def case_of_one_opaque_row_are_kept_compressed_by(cache, codec):
    key = cache.key()
    put(cache.client, key, [rows(REPETITIVE)], write_options=_options(codec))
    if cache.storage:
        assert cache.written_file(key).stat().st_size < len(REPETITIVE) / 10
        with pa.ipc.open_file(cache.written_file(key)) as reader:
            assert reader.read_all().to_pydict() == {"version": [1], "data": [REPETITIVE]}


@each(CODECS)
def case_of_a_large_binary_row_come_back_as_binary_by(cache, codec):
    key = cache.key()
    schema = pa.schema([pa.field("version", pa.uint64()), pa.field("data", pa.large_binary())])
    try:
        put(cache.client, key, [rows(REPETITIVE, schema=schema)], write_options=_options(codec))
    except pa.ArrowInvalid as error:
        # Its offsets have another width inside the compressed body; refusing is honest, misreading is not.
        assert is_refusal(error, "INVALID_REQUEST"), error
    else:
        assert two_field_rows(get(cache.client, key)) == [(1, REPETITIVE)]


@each(CODECS)
def case_of_many_opaque_rows_are_joined_or_refused_by(cache, codec):
    for batches in ([rows(b"a" * 500, b"b" * 500)], [rows(b"a" * 500), rows(b"b" * 500)], [rows(None)]):
        key = cache.key()
        try:
            put(cache.client, key, batches, write_options=_options(codec))
        except pa.ArrowInvalid as error:
            assert is_refusal(error, "INVALID_REQUEST"), error
        else:
            want = b"".join(cell or b"" for batch in batches for cell in batch.column(1).to_pylist())
            assert two_field_rows(get(cache.client, key)) == [(1, want)]


@each(CODECS)
def case_of_opaque_patches_come_back_equal_by(cache, codec):
    key = cache.key()
    put(cache.client, key, [rows(b"base")])
    patch(cache.client, key, [rows(REPETITIVE)], write_options=_options(codec))
    patch(cache.client, key, [rows(b"plain again")])
    want = [(1, "base", b"base"), (2, "patch", REPETITIVE), (3, "patch", b"plain again")]
    assert three_field_rows(get(cache.client, f"{key}:0")) == want
    assert three_field_rows(get(cache.client, f"{key}:1")) == want[1:]


@each(CODECS)
def case_of_dictionaries_come_back_equal_by(cache, codec):
    key = cache.key()
    column = pa.array(["a" * 2000, "b" * 2000, None] * 50).dictionary_encode()
    other = pa.array(["c" * 3000, None]).dictionary_encode()
    batches = [pa.RecordBatch.from_arrays([part], ["word"]) for part in (column, other, column)]
    put(cache.client, key, batches, write_options=_options(codec))
    same_batches(get(cache.client, key).batches, batches)


def case_are_not_made_of_bodies_that_were_put_plain(cache):
    key = cache.key()
    put(cache.client, key, [rows(REPETITIVE)])
    if cache.storage:
        assert REPETITIVE in cache.written_file(key).read_bytes()
