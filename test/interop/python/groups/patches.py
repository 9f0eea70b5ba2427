"""Patches (docs/protocol.md, "DoPut"): they append to an object of their own kind, and are refused
by any other."""

import os

import pyarrow as pa

from support.calls import get, info, patch, put, ref_of
from support.expect import refused, same_batches
from support.opaque import SENT, patch_value, put_value, rows, three_field_rows, two_field_rows
from support.tables import FLAME, numbers

STORAGES = ("files", "none")


def case_of_a_missing_object_are_refused_and_make_none(cache):
    key = cache.key()
    with refused("OBJECT_NOT_FOUND"):
        patch_value(cache.client, key, b"patch")
    with refused("OBJECT_NOT_FOUND"):
        patch(cache.client, key, [numbers(1)])
    with refused("OBJECT_NOT_FOUND"):
        get(cache.client, key)
    assert put_value(cache.client, key, b"v").version == 1


def case_answer_with_the_key_and_the_new_version(cache):
    key = cache.key()
    base = put_value(cache.client, key, b"base")
    seen = patch_value(cache.client, key, b"patch")
    assert seen == base._replace(version=2)
    assert ref_of(info(cache.client, key)) == seen


def case_have_no_maximum_number(cache):
    key, values = cache.key(), [os.urandom(number % 70) for number in range(300)]
    put_value(cache.client, key, b"base")
    for number, value in enumerate(values):
        assert patch_value(cache.client, key, value).version == number + 2
    assert two_field_rows(get(cache.client, key)) == [(1, b"base")] + [(i + 2, v) for i, v in enumerate(values)]
    late = three_field_rows(get(cache.client, f"{key}:299"))
    assert late == [(300, "patch", values[298]), (301, "patch", values[299])]


def case_uploaded_as_many_rows_are_one_row(cache):
    key = cache.key()
    put_value(cache.client, key, b"base")
    patch(cache.client, key, [rows(b"a", b"b"), rows(), rows(None, b"c")])
    patch(cache.client, key, [], schema=SENT)
    assert two_field_rows(get(cache.client, key)) == [(1, b"base"), (2, b"abc"), (3, b"")]


def case_of_large_binary_are_binary(cache):
    key = cache.key()
    put_value(cache.client, key, b"base")
    schema = pa.schema([pa.field("version", pa.uint64()), pa.field("data", pa.large_binary())])
    patch(cache.client, key, [rows(b"large", schema=schema)])
    assert two_field_rows(get(cache.client, key)) == [(1, b"base"), (2, b"large")]


def case_append_batches_to_a_plain_table(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3), numbers(2)])
    assert patch(cache.client, key, [numbers(4), numbers(1)]).version == 2
    assert patch(cache.client, key, [numbers(5)]).version == 3
    same_batches(get(cache.client, key).batches, [numbers(n) for n in (3, 2, 4, 1, 5)])


def case_append_batches_to_a_flame_table(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3, FLAME)])
    patch(cache.client, key, [numbers(2, FLAME)])
    # The fields decide whether schemas are the same, their metadata does not.
    patch(cache.client, key, [numbers(1)])
    reply = get(cache.client, f"{key}:0")
    assert int(reply.schema.metadata[b"flame.cache.version"]) == 3
    assert [batch.num_rows for batch in reply.batches] == [3, 2, 1]


def case_of_a_table_are_all_sent_to_whoever_holds_an_older_version(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3)])
    patch(cache.client, key, [numbers(2)])
    for version in (0, 1, 3):
        reply = get(cache.client, f"{key}:{version}")
        assert [batch.num_rows for batch in reply.batches] == [3, 2], version
    assert three_field_rows(get(cache.client, f"{key}:2")) == []


def case_of_no_batch_raise_the_version_of_a_table(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3)])
    assert patch(cache.client, key, [], schema=numbers(0).schema).version == 2
    same_batches(get(cache.client, key).batches, [numbers(3)])


def case_of_the_other_kind_are_refused_and_change_nothing(cache):
    opaque, table = cache.key(), cache.key()
    put_value(cache.client, opaque, b"base")
    put(cache.client, table, [numbers(3)])
    for batch in (numbers(1), numbers(1, FLAME)):
        with refused("INVALID_REQUEST"):
            patch(cache.client, opaque, [batch])
    with refused("INVALID_REQUEST"):
        patch_value(cache.client, table, b"patch")
    assert two_field_rows(get(cache.client, opaque)) == [(1, b"base")]
    same_batches(get(cache.client, table).batches, [numbers(3)])
    assert ref_of(info(cache.client, opaque)).version == ref_of(info(cache.client, table)).version == 1


def case_of_another_schema_are_refused_and_change_nothing(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3)])
    field, other = numbers(0).schema.field(0), pa.field("other", pa.int32())
    for fields in (
        [other],
        [field, other],
        [pa.field("number", pa.int32())],
        [pa.field("number", pa.int64(), nullable=False)],
        [pa.field("number", pa.list_(pa.int64()))],
        [],
    ):
        with refused("INVALID_REQUEST", about=fields):
            patch(cache.client, key, [], schema=pa.schema(fields))
    same_batches(get(cache.client, key).batches, [numbers(3)])
    assert ref_of(info(cache.client, key)).version == 1


def case_of_a_table_may_bring_another_dictionary(cache):
    key, schema = cache.key(), pa.schema([pa.field("word", pa.dictionary(pa.int8(), pa.utf8()))])
    words = [["a", "b", "a"], ["c", "d", None], ["a", "e"]]
    batches = [pa.RecordBatch.from_arrays([pa.array(w).dictionary_encode()], schema=schema) for w in words]
    batches = [batch.cast(schema) for batch in batches]
    put(cache.client, key, batches[:1])
    patch(cache.client, key, batches[1:2])
    patch(cache.client, key, batches[2:])
    assert get(cache.client, key).column("word") == [word for part in words for word in part]
    assert get(cache.client, f"{key}:1").column("word") == [word for part in words for word in part]


def case_keep_the_compression_they_came_with(cache):
    key = cache.key()
    put(cache.client, key, [numbers(1000)])
    patch(cache.client, key, [numbers(2000)], write_options=pa.ipc.IpcWriteOptions(compression="lz4"))
    patch(cache.client, key, [numbers(3000)], write_options=pa.ipc.IpcWriteOptions(compression="zstd"))
    same_batches(get(cache.client, key).batches, [numbers(1000), numbers(2000), numbers(3000)])
