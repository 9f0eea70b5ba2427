"""Gets on the server's host return views of the object's file that survive updates and deletes;
other gets use DoGet.
"""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.flight as flight
from sdk import fails, location_of, settings

import flame_object_cache
from flame_object_cache import delete_objects, get_object, local_files, patch_object, put_object, update_object
from flame_object_cache.config import current_config
from flame_object_cache.connection import calling

STORAGES = ("files",)
COUNT = 1_000_000


def _range_of(path: Path) -> list[range]:
    """The addresses at which this process has mapped the file."""
    found = []
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, _, _, _, inode, *_ = line.split()
        if int(inode) == path.stat().st_ino and inode != "0":
            first, last = (int(number, 16) for number in addresses.split("-"))
            found.append(range(first, last))
    return found


def _is_view_of(value, path: Path) -> bool:
    address = _address_of(value)
    return any(address in place for place in _range_of(path))


def _address_of(value) -> int:
    if isinstance(value, np.ndarray):
        return value.ctypes.data
    if isinstance(value, memoryview):
        return pa.py_buffer(value).address
    column = value.column(0)
    return (column.chunk(0) if isinstance(column, pa.ChunkedArray) else column).buffers()[1].address


VALUES = [
    (np.arange(COUNT), {}),
    (pa.table({"n": np.arange(COUNT)}), {}),
    (pa.record_batch({"n": np.arange(COUNT)}), {}),
    (bytes(COUNT), {"view": True}),
]


def case_give_views_of_the_file(cache):
    with settings(endpoint=cache.endpoint):
        for value, options in VALUES:
            ref = put_object(cache.prefix(), value)
            assert _is_view_of(get_object(ref, **options), cache.file_of(ref.key)), type(value)
            assert not _is_view_of(get_object(ref, zero_copy=False, **options), cache.file_of(ref.key))


def case_copy_nothing_into_memory(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), pa.table({"n": np.arange(COUNT)}))
        before = pa.total_allocated_bytes()
        seen = get_object(ref)
        assert pa.total_allocated_bytes() - before < 100_000
        assert seen.nbytes == 8 * COUNT
        assert get_object(ref, zero_copy=False).equals(seen)


def case_are_switched_off(cache):
    with settings(endpoint=cache.endpoint, zero_copy="0"):
        ref = put_object(cache.prefix(), np.arange(COUNT))
        assert not _is_view_of(get_object(ref), cache.file_of(ref.key))
        assert _is_view_of(get_object(ref, zero_copy=True), cache.file_of(ref.key))


def case_keep_their_bytes_through_update_and_delete(cache):
    with settings(endpoint=cache.endpoint):
        for change in (lambda ref: update_object(ref, np.zeros(COUNT, int)), delete_objects):
            ref = put_object(cache.prefix(), np.arange(COUNT))
            seen = get_object(ref)
            change(ref)
            assert np.array_equal(seen, np.arange(COUNT))
        assert np.array_equal(get_object(update_object(ref, np.ones(3))), np.ones(3))


def case_see_patches(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), pa.table({"n": [1]}))
        patch_object(ref, pa.table({"n": [2]}))
        assert get_object(ref).to_pydict() == {"n": [1, 2]}
        ref = put_object(cache.prefix(), 1)
        patch_object(ref, 2)
        assert get_object(ref, deserializer=lambda base, patches: [base, *patches]) == [1, 2]


def case_fall_back_when_the_file_cannot_be_had(cache):
    def refuse(_uri, _key):
        raise PermissionError("not for this user")

    open_location, seen = local_files.open_location, []
    for opening in (
        refuse,
        lambda uri, key: open_location(uri.replace("mtime_ns=", "mtime_ns=1"), key),
        lambda uri, key: open_location(uri.replace("size=", "size=1"), key),
        lambda uri, key: open_location(uri.replace("dev=", "dev=1"), key),
        lambda uri, key: open_location(uri.replace("ino=", "ino=1"), key),
        lambda uri, key: open_location(uri.replace(".arrow?", ".gone?"), key),
        lambda uri, key: open_location(uri.partition("?")[0], key),
        lambda uri, key: open_location("file:///dev/zero?size=0&dev=x", key),
    ):
        local_files.open_location = lambda uri, key, opening=opening: seen.append(uri) or opening(uri, key)
        try:
            with settings(endpoint=cache.endpoint):
                assert get_object(put_object(cache.prefix(), bytes(COUNT))) == bytes(COUNT)
        finally:
            local_files.open_location = open_location
    assert len(seen) == 8


def case_open_only_the_very_file(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix() + " ü#?%", pa.table({"n": [1]}))
    path = cache.written_file(ref.key)
    assert local_files.open_location(location_of(path), ref.key).num_rows == 1
    for name in ("size", "dev", "ino", "mtime_ns"):
        try:
            local_files.open_location(location_of(path, **{name: 1}), ref.key)
        except OSError:
            continue
        raise AssertionError(f"another {name} was accepted")
    replaced, content = location_of(path), path.read_bytes()
    path.unlink()
    path.write_bytes(content)
    try:
        local_files.open_location(replaced, ref.key)
    except OSError:
        return
    raise AssertionError("a file that took the other's place was opened")


def case_leave_no_descriptors_behind(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), np.arange(COUNT))
        get_object(ref)
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(50):
            get_object(ref)
        assert len(os.listdir("/proc/self/fd")) <= before + 1


def case_hold_no_descriptor_for_what_they_gave(cache):
    """A program may hold thousands of views; before Python 3.13, each mapping of Python takes a
    descriptor.
    """
    with settings(endpoint=cache.endpoint, kept_bytes="0"):
        ref = put_object(cache.prefix(), np.arange(COUNT))
        get_object(ref)
        before = len(os.listdir("/proc/self/fd"))
        held = [get_object(ref) for _ in range(50)]
        assert len(os.listdir("/proc/self/fd")) <= before + 1
        assert all(_is_view_of(value, cache.file_of(ref.key)) for value in held)


def case_of_what_is_not_there_say_so(cache):
    with settings(endpoint=cache.endpoint), fails(flame_object_cache.ObjectNotFound, "OBJECT_NOT_FOUND"):
        get_object(flame_object_cache.ObjectRef(cache.endpoint, cache.key()), zero_copy=True)


def case_are_not_asked_for_on_another_host(cache):
    from flame_object_cache.connection import _is_this_host

    assert [_is_this_host(host) for host in ("127.0.0.1", "localhost", "::1")] == [True] * 3
    # TEST-NET-1 is assigned to no host, and .invalid has no addresses.
    assert [_is_this_host(host) for host in ("192.0.2.1", "host.invalid", "")] == [False] * 3


def case_make_one_call(cache):
    """A get is one DoGet for small and large objects, with and without the file, first and
    repeated.
    """
    made = []

    class Recorder(flight.ClientMiddlewareFactory):
        def start_call(self, info):
            made.append(info.method)

    with settings(endpoint=cache.endpoint):
        refs = [put_object(cache.prefix(), value) for value in (b"1", bytes(COUNT))]
        client = flight.FlightClient(cache.endpoint, middleware=[Recorder()])
        with calling(cache.endpoint, current_config()) as pooled:
            pooled.client, kept = client, pooled.client
        try:
            for ref in refs:
                values = [get_object(ref, zero_copy=way) for way in (True, True, False, False)]
                assert len(set(values)) == 1
            assert made == [flight.FlightMethod.DO_GET] * 8
        finally:
            pooled.client = kept
