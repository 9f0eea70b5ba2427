"""Run in an environment with the official Flame SDK: its cache API against the cache, and its
objects beside ours.

Asserts what a user of the SDK relies on. Its `download_object` is not called: it fails with this
pyarrow, whatever the server.
"""

import sys
import tempfile
from pathlib import Path

import flamepy
import numpy as np
import pyarrow as pa
from flamepy import ObjectRef, get_object, put_object, update_object
from flamepy.cache import delete_objects, patch_object
from flamepy.core import ObjectKey, upload_object

import flame_object_cache as ours

PREFIX = "official/session"
TABLES = [
    pa.table({"n": [1, 2]}),
    pa.table({"n": pa.array([], pa.int8())}),
    pa.record_batch({"n": [1]}),
]
ARRAYS = [np.arange(10.0), np.arange(3_000_000), np.zeros((0, 3)), np.array(1.5)]
VALUES = [{"a": 1}, (1, 2), b"bytes", None, b"x" * 5_000_000, pa.array([1, None])]


def both(base, deltas):
    return [base, *deltas]


def same(seen, put) -> bool:
    return (
        np.array_equal(seen, put)
        if isinstance(put, np.ndarray)
        else seen.equals(put)
        if hasattr(put, "equals")
        else seen == put
    )


def check_official_calls() -> None:
    for value in TABLES + ARRAYS + VALUES:
        assert same(get_object(put_object(PREFIX, value)), value), type(value)
    ref = put_object(PREFIX, [1])
    assert (ref.version, get_object(ref, both)) == (1, [[1]])
    assert [patch_object(ref, n).version for n in range(3)] == [2, 3, 4]
    assert get_object(ref, both) == [[1], 0, 1, 2] and get_object(ref) == [1]
    updated = update_object(ref, {"n": 2})
    assert (updated.key, updated.version, get_object(ref)) == (ref.key, 5, {"n": 2})
    ref.version = 0
    assert get_object(ref, both) == [{"n": 2}]
    assert ObjectRef.decode(ref.encode()) == ref
    table = put_object(PREFIX, TABLES[0])
    assert get_object(table) is get_object(table), "an unchanged object is not sent again"
    update_object(table, pa.table({"other": [1]}))
    assert get_object(table).column_names == ["other"]


def check_official_names() -> None:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "file")
        path.write_bytes(b"bytes")
        named = upload_object(f"{PREFIX}/file", str(path))
        assert named.key == f"{PREFIX}/file"
        ours.download_object(ours.ObjectRef(named.endpoint, named.key), Path(directory, "copy"))
        assert Path(directory, "copy").read_bytes() == b"bytes"
    delete_objects(named.key)
    delete_objects(str(ObjectKey.for_all_sessions("official")))
    assert ours.list_objects("official") == []


def check_each_reads_what_the_other_wrote() -> None:
    for value in TABLES + ARRAYS + VALUES:
        theirs = put_object(PREFIX, value)
        assert same(ours.get_object(ours.ObjectRef.decode(theirs.encode())), value), type(value)
        mine = ours.put_object(PREFIX, value, legacy=True)
        assert same(get_object(ObjectRef.decode(mine.encode())), value), type(value)


def main() -> None:
    assert callable(flamepy.create_session) and flamepy.__version__ == "0.6.0"
    assert not hasattr(flamepy, "FlameCache") and flamepy.FlameError is not ours.FlameError
    assert Path(flamepy.__file__).parent.name == "flamepy"
    check_official_calls()
    check_each_reads_what_the_other_wrote()
    check_official_names()
    print("as it should be")


if __name__ == "__main__":
    sys.exit(main())
