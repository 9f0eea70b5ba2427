"""Opaque objects (docs/protocol.md, "DoPut"): one row {version, data} on the wire and at rest,
however it was uploaded."""

import os

import pyarrow as pa

from support.calls import get, options, path, put
from support.cases import each
from support.opaque import SENT, put_value, rows, two_field_rows, value_of

STORAGES = ("files", "none")

SCHEMAS = {
    f"{data} data, {'nullable' if nullable else 'not null'}": pa.schema(
        [pa.field("version", pa.uint64(), nullable=nullable), pa.field("data", data, nullable=nullable)]
    )
    for data in (pa.binary(), pa.large_binary())
    for nullable in (True, False)
}
SIZES = {
    f"{size} bytes": size for size in (0, 1, 7, 8, 63, 64, 65, 1000, 65_535, 65_536, 1 << 20, (1 << 20) + 1, 5_000_001)
}


@each(SCHEMAS)
def case_come_back_as_binary_and_not_null_from(cache, schema):
    key = cache.key()
    put(cache.client, key, [rows(b"value", schema=schema)])
    assert two_field_rows(get(cache.client, key)) == [(1, b"value")]


@each(SCHEMAS)
def case_join_the_rows_of_all_batches_of(cache, schema):
    key = cache.key()
    batches = [rows(b"a", b"", b"bc", schema=schema), rows(schema=schema), rows(b"d" * 1000, schema=schema)]
    put(cache.client, key, batches)
    assert value_of(cache.client, key) == b"abc" + b"d" * 1000


@each(SIZES)
def case_are_kept_to_the_byte_with(cache, size):
    key, value = cache.key(), os.urandom(size)
    assert put_value(cache.client, key, value).version == 1
    assert value_of(cache.client, key) == value
    assert get(cache.client, f"{key}:0").column("data") == [value]


def case_join_a_file_uploaded_as_many_rows_of_a_mebibyte(cache):
    key, rowful = cache.key(), [os.urandom(1 << 20) for _ in range(24)]
    put(cache.client, key, [rows(*rowful[start : start + 8]) for start in (0, 8, 16)])
    assert value_of(cache.client, key) == b"".join(rowful)


def case_join_a_thousand_small_batches(cache):
    key, cells = cache.key(), [b"%05d" % number for number in range(1000)]
    put(cache.client, key, [rows(cell) for cell in cells])
    assert value_of(cache.client, key) == b"".join(cells)


def case_join_batches_of_odd_lengths(cache):
    key, cells = cache.key(), [os.urandom(size) for size in (1, 3, 65, 64, 63, 7, 1 << 16, 5)]
    put(cache.client, key, [rows(*cells[:3]), rows(*cells[3:4]), rows(*cells[4:])])
    assert value_of(cache.client, key) == b"".join(cells)


def case_of_no_batch_are_empty(cache):
    key = cache.key()
    put(cache.client, key, [], schema=SENT)
    assert two_field_rows(get(cache.client, key)) == [(1, b"")]


def case_of_no_row_are_empty(cache):
    key = cache.key()
    put(cache.client, key, [rows(), rows()])
    assert two_field_rows(get(cache.client, key)) == [(1, b"")]


def case_take_nothing_from_null_cells(cache):
    key = cache.key()
    put(cache.client, key, [rows(b"a", None, b"b"), rows(None), rows(None, b"c")])
    assert value_of(cache.client, key) == b"abc"


def case_of_one_null_cell_are_empty_and_not_null(cache):
    key = cache.key()
    put(cache.client, key, [rows(None)])
    assert two_field_rows(get(cache.client, key)) == [(1, b"")]


def case_take_nothing_from_bytes_that_lie_under_a_null_cell(cache):
    key = cache.key()
    offsets = pa.py_buffer(b"".join(number.to_bytes(4, "little") for number in (0, 1, 7, 8)))
    data = pa.Array.from_buffers(pa.binary(), 3, [pa.py_buffer(b"\x05"), offsets, pa.py_buffer(b"aHIDDENb")])
    batch = pa.RecordBatch.from_arrays([pa.array([0, 0, 0], pa.uint64()), data], schema=SENT)
    put(cache.client, key, [batch])
    assert value_of(cache.client, key) == b"ab"


def case_take_only_the_rows_of_a_slice(cache):
    key = cache.key()
    put(cache.client, key, [rows(b"no", b"yes", b"also", b"not").slice(1, 2)])
    assert value_of(cache.client, key) == b"yesalso"


def case_do_not_care_for_null_versions(cache):
    key = cache.key()
    batch = pa.RecordBatch.from_arrays([pa.array([None], pa.uint64()), pa.array([b"v"], pa.binary())], schema=SENT)
    put(cache.client, key, [batch])
    assert two_field_rows(get(cache.client, key)) == [(1, b"v")]


def case_are_stored_when_the_client_reads_no_answer(cache):
    key = cache.key()
    writer, _ = cache.client.do_put(path(key), SENT, options())
    writer.write_batch(rows(b"value"))
    writer.close()
    assert value_of(cache.client, key) == b"value"


def case_are_replaced_whole(cache):
    key = cache.key()
    for value in (os.urandom(100_000), b"small", b"", os.urandom(3_000_000)):
        put_value(cache.client, key, value)
        assert value_of(cache.client, key) == value


def case_keep_the_magic_bytes_of_python_values(cache):
    for magic in (b"FLM\x00", b"FLM\x01", b"FLM\x02", b"FLM\x03", b"FLM\x04", b"ARROW1\0\0"):
        ref = put_value(cache.client, cache.prefix(), magic + b"payload")
        assert value_of(cache.client, ref.key) == magic + b"payload"
