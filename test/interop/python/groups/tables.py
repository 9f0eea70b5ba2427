"""Plain and Flame tables (docs/protocol.md, "DoPut" and "DoGet"): batches untouched, metadata as
each form of ticket promises."""

import json

import pyarrow as pa

from support.calls import act_json, get, patch, put
from support.cases import each
from support.expect import same_batches
from support.opaque import three_field_rows
from support.tables import FLAME, numbers

STORAGES = ("files", "none")

USERS_OWN = {"pandas": json.dumps({"index_columns": []}), "empty": "", "bytes": b"\x00\xff\xfe", "": "no name"}
LOGICAL_TYPES = {
    name: name for name in ("pyarrow.table", "pyarrow.record_batch", "pandas.dataframe", "polars.dataframe", "é" * 3000)
}
# Almost opaque, and therefore tables.
NEARLY_OPAQUE = {
    "int64 version": pa.schema([("version", pa.int64()), ("data", pa.binary())]),
    "text data": pa.schema([("version", pa.uint64()), ("data", pa.utf8())]),
    "view data": pa.schema([("version", pa.uint64()), ("data", pa.binary_view())]),
    "fixed-size data": pa.schema([("version", pa.uint64()), ("data", pa.binary(3))]),
    "another name": pa.schema([("version", pa.uint64()), ("Data", pa.binary())]),
    "a third field": pa.schema([("version", pa.uint64()), ("data", pa.binary()), ("more", pa.int8())]),
    "only data": pa.schema([("data", pa.binary())]),
    "a kind": pa.schema([("version", pa.uint64()), ("kind", pa.utf8()), ("data", pa.binary())]),
}  # fmt: skip


def case_plain_ones_come_back_untouched_with_their_metadata(cache):
    key = cache.key()
    fields = [
        pa.field("a", pa.int32(), nullable=False, metadata={"unit": "m"}),
        pa.field("b", pa.struct([pa.field("c", pa.utf8(), nullable=False, metadata={"deep": "yes"})])),
    ]
    schema = pa.schema(fields, metadata=USERS_OWN)
    batch = pa.RecordBatch.from_arrays(
        [pa.array([1, 2], pa.int32()), pa.array([{"c": "x"}, None], fields[1].type)], schema=schema
    )
    put(cache.client, key, [batch, batch.slice(1), batch.slice(0, 0)])
    reply = get(cache.client, key)
    assert reply.schema.equals(schema, check_metadata=True), reply.schema
    same_batches(reply.batches, [batch, batch.slice(1), batch.slice(0, 0)])


def case_plain_ones_get_no_metadata_of_ours(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3)])
    assert get(cache.client, key).schema.metadata is None


def case_plain_ones_tell_their_version_to_a_conditional_get(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3, USERS_OWN)])
    reply = get(cache.client, f"{key}:0")
    metadata = dict(reply.schema.metadata)
    assert metadata.pop(b"flame.cache.format") == b"arrow-table-v1"
    assert int(metadata.pop(b"flame.cache.version")) == 1
    assert metadata == pa.schema([], metadata=USERS_OWN).metadata
    same_batches([batch.replace_schema_metadata(USERS_OWN) for batch in reply.batches], [numbers(3, USERS_OWN)])


@each(LOGICAL_TYPES)
def case_flame_ones_keep_their_logical_type(cache, logical_type):
    key, sent = cache.key(), {**FLAME, "flame.cache.logical_type": logical_type, **USERS_OWN}
    assert put(cache.client, key, [numbers(3, sent)]).version == 1
    reply = get(cache.client, f"{key}:0")
    metadata = dict(reply.schema.metadata)
    assert int(metadata.pop(b"flame.cache.version")) == 1
    assert metadata == pa.schema([], metadata=sent).metadata
    same_batches([batch.replace_schema_metadata(sent) for batch in reply.batches], [numbers(3, sent)])


def case_flame_ones_carry_their_metadata_to_a_plain_get(cache):
    key, sent = cache.key(), {**USERS_OWN, **FLAME}
    put(cache.client, key, [numbers(3, sent)])
    metadata = get(cache.client, key).schema.metadata
    assert {name: metadata[name] for name in metadata if name != b"flame.cache.version"} == pa.schema(
        [], metadata=sent
    ).metadata


def case_flame_ones_tell_the_servers_version_and_not_the_clients(cache):
    key, sent = cache.key(), {**FLAME, "flame.cache.version": "00000000000000000077"}
    for version in (1, 2, 3):
        assert put(cache.client, key, [numbers(3, sent)]).version == version
        metadata = get(cache.client, f"{key}:0").schema.metadata
        assert int(metadata[b"flame.cache.version"]) == version
        assert len(metadata) == 3, metadata
    patch(cache.client, key, [numbers(1, sent)])
    assert int(get(cache.client, f"{key}:1").schema.metadata[b"flame.cache.version"]) == 4


def case_tell_one_version_however_often_they_are_replaced(cache):
    key = cache.key()
    for version in range(1, 13):
        put(cache.client, key, [numbers(version, FLAME)])
        reply = get(cache.client, f"{key}:{version - 1}")
        assert int(reply.schema.metadata[b"flame.cache.version"]) == version
        assert reply.batches[0].num_rows == version


def case_not_modified_are_answered_by_the_opaque_schema_and_no_batch(cache):
    for metadata in (None, FLAME):
        key = cache.key()
        put(cache.client, key, [numbers(3, metadata)])
        assert three_field_rows(get(cache.client, f"{key}:1")) == []


def case_another_version_held_gets_all_batches(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3)])
    put(cache.client, key, [numbers(4), numbers(5)])
    for version in (0, 1, 3, 10**30):
        assert [batch.num_rows for batch in get(cache.client, f"{key}:{version}").batches] == [4, 5], version


@each(NEARLY_OPAQUE)
def case_are_what_only_looks_like_an_opaque_value_with(cache, schema):
    key = cache.key()
    cells = {
        "version": [1, 2],
        "data": ["abc", "def"],
        "Data": ["abc", "def"],
        "kind": ["base", "patch"],
        "more": [1, 2],
    }
    batch = pa.RecordBatch.from_pydict({field.name: cells[field.name] for field in schema}, schema=schema)
    put(cache.client, key, [batch, batch])
    reply = get(cache.client, key)
    assert reply.schema.equals(schema), reply.schema
    same_batches(reply.batches, [batch, batch])


def case_and_opaque_values_replace_each_other(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3)])
    assert act_json(cache.client, "UPDATE", key, b"opaque")["version"] == 2
    assert three_field_rows(get(cache.client, f"{key}:1")) == [(2, "base", b"opaque")]
    assert put(cache.client, key, [numbers(4, FLAME)]).version == 3
    assert get(cache.client, f"{key}:2").batches[0].num_rows == 4
