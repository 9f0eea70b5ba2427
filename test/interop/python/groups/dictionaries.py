"""Dictionary batches (docs/storage-format.md, "Object files"): shared, grown by deltas, and
replaced midway, which only a stream can hold."""

import pyarrow as pa
import pyarrow.flight as flight

from support.calls import get, options, patch, put
from support.expect import eventually, same_batches
from support.tables import FLAME

STORAGES = ("files", "none")

DELTAS = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=True)
WORD = pa.dictionary(pa.int32(), pa.utf8())
SCHEMA = pa.schema([pa.field("word", WORD), pa.field("row", pa.int64())], metadata={"user": "own"})


def _batch(words: list, indices: list) -> pa.RecordBatch:
    column = pa.DictionaryArray.from_arrays(pa.array(indices, pa.int32()), pa.array(words, pa.utf8()))
    return pa.RecordBatch.from_arrays([column, pa.array(range(len(indices)), pa.int64())], schema=SCHEMA)


SHARED = [_batch(["a", "b"], [0, 1, None]), _batch(["a", "b"], [1, 1]), _batch(["a", "b"], [])]
GROWING = [
    _batch(["a"], [0, 0]),
    _batch(["a", "b", "c"], [2, 1, None]),
    _batch(["a", "b", "c"], [0]),
    _batch(list("abcd"), [3]),
]
REPLACED = [_batch(["a", "b"], [0, 1, None]), _batch(["x"], [0, 0]), _batch(["a", "b"], [1]), _batch([], [None])]


def _read_with_stats(cache, ticket: str) -> tuple[list[pa.RecordBatch], pa.ipc.ReadStats]:
    reader = cache.client.do_get(flight.Ticket(ticket.encode()), options())
    return [chunk.data for chunk in reader], reader.stats


def _file_stats(path) -> tuple[list[pa.RecordBatch], pa.ipc.ReadStats]:
    with pa.ipc.open_file(path) as reader:
        return [reader.get_batch(index) for index in range(reader.num_record_batches)], reader.stats


def case_shared_by_all_batches_are_sent_once(cache):
    key = cache.key()
    put(cache.client, key, SHARED)
    seen, stats = _read_with_stats(cache, key)
    same_batches(seen, SHARED)
    assert stats.num_dictionary_batches == 1, stats


def case_grown_by_deltas_come_back_as_deltas(cache):
    key = cache.key()
    put(cache.client, key, GROWING, write_options=DELTAS)
    seen, stats = _read_with_stats(cache, key)
    same_batches(seen, GROWING)
    assert (stats.num_dictionary_batches, stats.num_dictionary_deltas, stats.num_replaced_dictionaries) == (3, 2, 0), (
        stats
    )


def case_grown_by_deltas_are_kept_in_an_ipc_file(cache):
    key = cache.key()
    put(cache.client, key, GROWING, write_options=DELTAS)
    if cache.storage:
        # A file's reader takes all dictionaries first: the batches see the grown one.
        with pa.ipc.open_file(cache.written_file(key)) as reader:
            table = reader.read_all()
        table.validate(full=True)
        assert table.column("word").to_pylist() == pa.Table.from_batches(GROWING).column("word").to_pylist()
        assert not cache.file_of(key, ".arrows").exists()


def case_replaced_midway_come_back_equal(cache):
    key = cache.key()
    put(cache.client, key, REPLACED)
    seen, stats = _read_with_stats(cache, key)
    same_batches(seen, REPLACED)
    assert stats.num_replaced_dictionaries == 3, stats
    conditional, _ = _read_with_stats(cache, f"{key}:0")
    same_batches([batch.replace_schema_metadata(SCHEMA.metadata) for batch in conditional], REPLACED)


def case_replaced_midway_are_kept_in_an_ipc_stream(cache):
    key = cache.key()
    put(cache.client, key, REPLACED)
    if cache.storage:
        with pa.ipc.open_stream(cache.written_file(key, ".arrows")) as reader:
            same_batches(list(reader), REPLACED)
        assert not cache.file_of(key).exists()


def case_replaced_midway_serve_the_versions_of_a_flame_table(cache):
    key = cache.key()
    put(cache.client, key, [batch.replace_schema_metadata(FLAME) for batch in REPLACED])
    put(cache.client, key, [batch.replace_schema_metadata(FLAME) for batch in REPLACED])
    reply = get(cache.client, f"{key}:1")
    assert int(reply.schema.metadata[b"flame.cache.version"]) == 2
    assert reply.column("word") == pa.Table.from_batches(REPLACED).column("word").to_pylist()


def case_a_file_and_a_stream_of_one_key_replace_each_other(cache):
    key = cache.key()
    for version, batches in enumerate([SHARED, REPLACED, GROWING, REPLACED, SHARED], start=1):
        assert put(cache.client, key, batches, write_options=DELTAS if batches is GROWING else None).version == version
        same_batches(get(cache.client, key).batches, batches)
        if cache.storage:
            ending, other = (".arrows", ".arrow") if batches is REPLACED else (".arrow", ".arrows")
            cache.written_file(key, ending)
            left = cache.file_of(key, other)
            eventually(f"{left} is removed by version {version}", lambda: not left.exists())


def case_of_a_patch_follow_those_of_the_base(cache):
    words = pa.Table.from_batches([*REPLACED, *SHARED, *GROWING]).column("word").to_pylist()
    for base, later in ((REPLACED, [SHARED, GROWING]), ([*REPLACED, *SHARED], [GROWING])):
        key = cache.key()
        put(cache.client, key, base)
        for batches in later:
            patch(cache.client, key, batches, write_options=DELTAS)
        reply = get(cache.client, key)
        assert reply.column("word") == words
        assert len(reply.batches) == len(REPLACED) + len(SHARED) + len(GROWING)


def case_within_dictionaries_come_back_equal(cache):
    key = cache.key()

    def nested(words: list, indices: list) -> pa.RecordBatch:
        inner = pa.DictionaryArray.from_arrays(pa.array([0, 1, 0], pa.int8()), pa.array(words))
        lists = pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), inner)
        return pa.RecordBatch.from_arrays(
            [pa.DictionaryArray.from_arrays(pa.array(indices, pa.int8()), lists)], ["deep"]
        )

    batches = [nested(["a", "b"], [0, 1, None]), nested(["c", "d"], [1, 1])]
    put(cache.client, key, batches)
    same_batches(get(cache.client, key).batches, batches)


def case_of_several_columns_keep_apart(cache):
    key = cache.key()
    columns = [pa.array([f"{n}-{i}" for i in range(3)]).dictionary_encode() for n in range(20)]
    batch = pa.RecordBatch.from_arrays(columns, [f"c{n}" for n in range(20)])
    put(cache.client, key, [batch, batch.slice(1)])
    same_batches(get(cache.client, key).batches, [batch, batch.slice(1)])


def case_without_any_batch_come_back_as_a_schema(cache):
    key = cache.key()
    put(cache.client, key, [], schema=SCHEMA)
    reply = get(cache.client, key)
    assert reply.schema.equals(SCHEMA, check_metadata=True)
    assert reply.batches == []
