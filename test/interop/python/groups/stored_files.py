"""Files (docs/storage-format.md): any Arrow reader opens them, bodies can be mapped, and a reader
keeps the bytes it opened."""

import pyarrow as pa

from groups.dictionaries import REPLACED
from support.arrow_values import ARRAYS
from support.calls import get, patch, put
from support.cases import each
from support.expect import same_batches
from support.opaque import SENT, patch_value, put_value, rows, value_of
from support.tables import FLAME, numbers

STORAGES = ("files",)


def _batches_of(path) -> list[pa.RecordBatch]:
    with pa.ipc.open_file(path) as reader:
        return [reader.get_batch(index) for index in range(reader.num_record_batches)]


def _buffers_of(array: pa.Array) -> list[pa.Buffer]:
    return [buffer for buffer in array.buffers() if buffer is not None and buffer.size > 0]


UPLOADS = {
    "one row": [rows(b"value")],
    "many rows": [rows(b"va", b"l"), rows(b"", b"ue")],
    "rows with nulls": [rows(b"val", None, b"ue")],
    "a version of the client's": [rows(b"value", version=99)],
    "large binary": [rows(b"value", schema=pa.schema([("version", pa.uint64()), ("data", pa.large_binary())]))],
}


@each(UPLOADS)
def case_of_opaque_objects_hold_one_row_from(cache, batches):
    key = cache.key()
    put(cache.client, key, batches)
    (batch,) = _batches_of(cache.written_file(key))
    batch.validate(full=True)
    assert [(field.name, field.type) for field in batch.schema] == [("version", pa.uint64()), ("data", pa.binary())]
    assert batch.to_pydict() == {"version": [1], "data": [b"value"]}


def case_of_opaque_objects_hold_the_servers_version(cache):
    key = cache.key()
    for version in range(1, 5):
        put_value(cache.client, key, b"%d" % version)
        (batch,) = _batches_of(cache.written_file(key))
        assert batch.to_pydict() == {"version": [version], "data": [b"%d" % version]}


def case_of_empty_objects_hold_one_empty_row(cache):
    for batches in ([], [rows()], [rows(b"")]):
        key = cache.key()
        put(cache.client, key, batches, schema=SENT)
        (batch,) = _batches_of(cache.written_file(key))
        assert batch.to_pydict() == {"version": [1], "data": [b""]}


def case_of_tables_hold_their_schema_and_batches(cache):
    for metadata in (None, {"user": "own"}):
        key, batches = cache.key(), [numbers(3, metadata), numbers(0, metadata), numbers(8, metadata)]
        put(cache.client, key, batches)
        same_batches(_batches_of(cache.written_file(key)), batches)


def case_of_flame_tables_hold_the_users_metadata_too(cache):
    key, sent = cache.key(), {**FLAME, "user": "own"}
    put(cache.client, key, [numbers(3, sent)])
    (batch,) = _batches_of(cache.written_file(key))
    assert pa.schema([], metadata=sent).metadata.items() <= batch.schema.metadata.items()


def case_of_tables_without_batches_open_too(cache):
    key = cache.key()
    put(cache.client, key, [], schema=numbers(0).schema)
    assert _batches_of(cache.written_file(key)) == []


def case_remember_what_the_cache_must_know_in_the_footer(cache):
    key = cache.key()
    put_value(cache.client, key, b"value")
    with pa.ipc.open_file(cache.written_file(key)) as reader:
        metadata = dict(reader.metadata)
    assert metadata, "no custom_metadata in the footer"
    assert all(name.startswith(b"flame.cache.") for name in metadata), metadata


def case_can_be_mapped_without_a_copy(cache):
    key, array = cache.key(), pa.array(range(100_000), pa.int64())
    batch = pa.RecordBatch.from_arrays([array, array.cast(pa.utf8()), pa.array([b"x"] * 100_000)], ["n", "t", "b"])
    put(cache.client, key, [batch, batch.slice(5), batch])
    allocated = pa.total_allocated_bytes()
    with pa.memory_map(str(cache.written_file(key))) as source, pa.ipc.open_file(source) as reader:
        seen = [reader.get_batch(index) for index in range(3)]
        assert pa.total_allocated_bytes() == allocated
        same_batches(seen, [batch, batch.slice(5), batch])


def _bodies_are_aligned(path) -> None:
    """The first buffer with bytes of a batch lies where its body begins; a mapping begins at a page."""
    with pa.memory_map(str(path)) as source:
        whole = source.read_buffer()
        begin, end = whole.address, whole.address + whole.size
        with pa.ipc.open_file(source) as reader:
            for index in range(reader.num_record_batches):
                buffers = [buffer for column in reader.get_batch(index).columns for buffer in _buffers_of(column)]
                inside = [buffer.address for buffer in buffers if begin <= buffer.address < end]
                assert len(inside) == len(buffers), "a buffer was copied"
                assert not inside or (min(inside) - begin) % 64 == 0, (index, min(inside) - begin)


TABLES = {
    "small batches": [numbers(n) for n in (1, 2, 0, 3, 1000, 7)],
    "many columns": [pa.RecordBatch.from_arrays([pa.array([1, 2])] * 31, [f"c{n}" for n in range(31)])] * 3,
    "metadata of odd length": [numbers(5, {"k": "v" * 77})] * 4,
    "no batch": [],
}


@each(TABLES)
def case_of_tables_align_bodies_to_64_bytes_with(cache, batches):
    key = cache.key()
    put(cache.client, key, batches, schema=(batches or [numbers(0)])[0].schema)
    _bodies_are_aligned(cache.written_file(key))


def case_of_opaque_objects_align_bodies_to_64_bytes(cache):
    for size in (1, 7, 64, 1000, 100_001):
        key = cache.key()
        put(cache.client, key, [rows(b"x" * size), rows(b"y")])
        _bodies_are_aligned(cache.written_file(key))


def case_of_a_replaced_dictionary_map_as_an_aligned_stream(cache):
    key = cache.key()
    put(cache.client, key, REPLACED)
    with pa.memory_map(str(cache.written_file(key, ".arrows"))) as source:
        whole = source.read_buffer()
        begin, end = whole.address, whole.address + whole.size
        source.seek(0)
        with pa.ipc.open_stream(source) as reader:
            seen = list(reader)
    same_batches(seen, REPLACED)
    for batch in seen:
        rows = batch.column("row").buffers()[1]
        assert rows is None or rows.size == 0 or begin <= rows.address < end, "a buffer was copied"


def case_of_every_type_map_and_read_equal(cache):
    key, names = cache.key(), list(ARRAYS)
    count = min(len(array) for array in ARRAYS.values())
    batch = pa.RecordBatch.from_arrays([ARRAYS[name].slice(0, count) for name in names], names)
    put(cache.client, key, [batch, batch.slice(1)])
    with pa.memory_map(str(cache.written_file(key))) as source, pa.ipc.open_file(source) as reader:
        same_batches([reader.get_batch(index) for index in range(2)], [batch, batch.slice(1)])


def case_are_not_written_again_while_someone_reads(cache):
    key = cache.key()
    put(cache.client, key, [numbers(1000)])
    with pa.memory_map(str(cache.written_file(key))) as source, pa.ipc.open_file(source) as reader:
        put(cache.client, key, [numbers(2000)])
        patch(cache.client, key, [numbers(5)])
        same_batches([reader.get_batch(0)], [numbers(1000)])
    same_batches(get(cache.client, key).batches, [numbers(2000), numbers(5)])


def case_of_a_patched_object_keep_their_inode(cache):
    key = cache.key()
    put_value(cache.client, key, b"base")
    before = cache.written_file(key).stat()
    for _ in range(20):
        patch_value(cache.client, key, b"patch")
    after = cache.written_file(key).stat()
    assert (before.st_ino, before.st_size, before.st_mtime_ns) == (after.st_ino, after.st_size, after.st_mtime_ns)


def case_lie_where_the_key_says(cache):
    prefix = cache.prefix()
    for object_id in ("plain", "with:colon", "日本", "dots..", "x.arrow"):
        put_value(cache.client, f"{prefix}/{object_id}", b"v")
        assert cache.written_file(f"{prefix}/{object_id}").is_file()
        assert value_of(cache.client, f"{prefix}/{object_id}") == b"v"
