"""Local-storage mode: the client writes the object's file itself and asks the server only for the
reference.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
from sdk import VALUES, fails, same, settings
from support.calls import get
from support.cases import each
from support.opaque import three_field_rows

import flame_object_cache
from flame_object_cache import get_object, list_objects, local_files, patch_object, put_object, update_object

STORAGES = ("files",)


def _local(cache, storage=None):
    return settings(endpoint=cache.endpoint, storage=storage or cache.storage)


def _calls_of(put) -> list[str]:
    """Whether a put wrote a file or made a call."""
    from flame_object_cache import caller as calls

    made, original = [], calls.put
    calls.put = lambda *arguments: made.append("DoPut") or original(*arguments)
    try:
        put()
    finally:
        calls.put = original
    return made


@each({name: entry for name, entry in VALUES.items() if name != "repeated beyond all bounds"})
def case_gives_back(cache, entry):
    value, _ = entry
    with _local(cache):
        refs = []
        assert _calls_of(lambda: refs.append(put_object(cache.prefix(), value))) == []
        assert (refs[0].endpoint, refs[0].version) == (cache.endpoint, 1)
        for zero_copy in (True, False):
            assert same(get_object(refs[0], zero_copy=zero_copy), value)
    assert os.listdir(cache.storage / ".staging") == []


def case_writes_files_that_every_reader_opens(cache):
    array = np.arange(100_000)
    with _local(cache):
        ref, framed = put_object(cache.prefix(), array), put_object(cache.prefix(), pa.table({"n": array}))
    with pa.memory_map(str(cache.file_of(ref.key))) as source:
        seen = pa.ipc.open_file(source).read_all()
        assert seen.schema.names == ["version", "data"]
        assert seen.schema.types == [pa.uint64(), pa.binary()]
        assert seen.column("version").to_pylist() == [0]
        assert flame_object_cache.encode_value(array) == seen.column("data")[0].as_py()
    assert cache.file_of(ref.key).read_bytes().index(array.tobytes()) % 64 == 0
    with pa.memory_map(str(cache.file_of(framed.key))) as source:
        metadata = pa.ipc.open_file(source).schema.metadata
        assert metadata[b"flame.cache.logical_type"] == b"pyarrow.table"
        assert metadata[b"flame.cache.format"] == b"arrow-table-v1"


def case_is_served_to_others_like_any_object(cache):
    with _local(cache):
        ref = put_object(cache.prefix(), b"bytes")
    assert three_field_rows(get(cache.client, f"{ref.key}:0")) == [(1, "base", b"FLM\x06bytes")]


def case_updates_and_patches_through_the_server(cache):
    with _local(cache):
        ref = put_object(cache.prefix(), [1])
        assert _calls_of(lambda: patch_object(ref, [2])) == ["DoPut"]
        assert get_object(ref, deserializer=lambda base, patches: [base, *patches]) == [[1], [2]]
        assert _calls_of(lambda: update_object(ref, [3])) == ["DoPut"]
        assert (get_object(ref), list_objects(ref)[0].version) == ([3], 3)


def case_puts_at_a_key_through_the_server(cache):
    with _local(cache):
        assert _calls_of(lambda: put_object(cache.key(), 1)) == ["DoPut"]


def case_refuses_a_bad_name_before_it_touches_a_file(cache):
    with tempfile.TemporaryDirectory() as directory, _local(cache, directory):
        for prefix in ("../x", ".x/s", "a/..", "a", "a/\0"):
            with fails(flame_object_cache.InvalidKey, "INVALID_KEY"):
                put_object(prefix, 1)
        assert os.listdir(directory) == []


def case_falls_back_where_it_cannot_write(cache):
    with tempfile.NamedTemporaryFile() as file, _local(cache, file.name):
        assert _calls_of(lambda: put_object(cache.prefix(), 1)) == ["DoPut"]


def case_falls_back_and_cleans_up_where_the_server_does_not_look(cache):
    with tempfile.TemporaryDirectory() as directory, _local(cache, directory):
        assert _calls_of(lambda: put_object(cache.prefix(), 1)) == ["DoPut"]
        assert [path for path in Path(directory).rglob("*") if path.is_file()] == []


@each({"application": 0, "session": 1, "staging directory": None})
def case_falls_back_where_a_link_stands_for_the(cache, place):
    """A file written through a link would be outside the storage directory."""
    prefix = cache.prefix()
    names = [".staging"] if place is None else prefix.split("/")[: place + 1]
    with tempfile.TemporaryDirectory() as directory, tempfile.TemporaryDirectory() as outside, _local(cache, directory):
        link = Path(directory, *names)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(outside)
        assert _calls_of(lambda: put_object(prefix, 1)) == ["DoPut"]
        assert os.listdir(outside) == []


def case_falls_back_for_what_no_file_can_hold(cache):
    """The chunks have different dictionaries, and an IPC file cannot replace a dictionary."""
    chunks = [pa.array(text).dictionary_encode() for text in (["a", "b"], ["c", "d"])]
    table = pa.table({"n": pa.chunked_array(chunks)})
    with _local(cache):
        refs = []
        assert _calls_of(lambda: refs.append(put_object(cache.prefix(), table))) == ["DoPut"]
        assert get_object(refs[0]).to_pydict() == table.to_pydict()
    assert os.listdir(cache.storage / ".staging") == []


def case_leaves_no_file_when_writing_breaks_or_the_server_is_gone(cache):
    prefix = cache.prefix()
    rename = os.rename
    with _local(cache):
        local_files.os.rename = lambda *_, **__: (_ for _ in ()).throw(OSError("no room"))
        try:
            assert _calls_of(lambda: put_object(prefix, 1)) == ["DoPut"]
        finally:
            local_files.os.rename = rename
    assert os.listdir(cache.storage / ".staging") == []
    with settings(endpoint="grpc://127.0.0.1:1", storage=cache.storage):
        with fails(flame_object_cache.Unreachable, "UNREACHABLE"):
            put_object(prefix, 2)
    with settings(endpoint=cache.endpoint):
        (ref,) = list_objects(prefix)
        assert get_object(ref) == 1
    path = cache.written_file(ref.key)
    assert list(path.parent.iterdir()) == [path]
