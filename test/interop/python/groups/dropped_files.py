"""Files that clients write into the directory themselves (docs/storage-format.md, "Files of other
programs"): found when asked for, once they are whole."""

import os
import uuid

from support.calls import delete, flights, get, info, patch, put, ref_of
from support.cases import each
from support.expect import refused, same_batches
from support.files import drop, dropped_bytes, table_bytes
from support.opaque import patch_value, put_value, three_field_rows, two_field_rows
from support.server import Server, storage_directory
from support.tables import numbers

STORAGES = ("files",)


def _drop(cache, content: bytes) -> str:
    key = f"{cache.prefix()}/{uuid.uuid4()}"
    drop(cache.file_of(key), content)
    return key


def case_are_found_by_get_flight_info(cache):
    key = _drop(cache, dropped_bytes(b"value"))
    seen = info(cache.client, key)
    assert ref_of(seen) == (cache.endpoint, key, 1)
    assert seen.total_records == 1
    assert [(endpoint.ticket.ticket, len(endpoint.locations)) for endpoint in seen.endpoints] == [(key.encode(), 1)]


def case_are_served_as_version_1_and_not_null(cache):
    for value in (b"value", b"", os.urandom(3_000_000)):
        key = _drop(cache, dropped_bytes(value))
        assert three_field_rows(get(cache.client, f"{key}:0")) == [(1, "base", value)]
        assert [data for _, data in two_field_rows(get(cache.client, key))] == [value]
        assert three_field_rows(get(cache.client, f"{key}:1")) == []
        assert three_field_rows(get(cache.client, f"{key}:2")) == [(1, "base", value)]


def case_are_found_by_get_first(cache):
    key = _drop(cache, dropped_bytes(b"value"))
    assert three_field_rows(get(cache.client, f"{key}:0")) == [(1, "base", b"value")]


def case_are_replaced_by_version_2(cache):
    key = _drop(cache, dropped_bytes(b"value"))
    assert put_value(cache.client, key, b"new").version == 2
    assert three_field_rows(get(cache.client, f"{key}:1")) == [(2, "base", b"new")]


def case_are_patched(cache):
    key = _drop(cache, dropped_bytes(b"value"))
    assert patch_value(cache.client, key, b"patch").version == 2
    assert three_field_rows(get(cache.client, f"{key}:0")) == [(1, "base", b"value"), (2, "patch", b"patch")]
    assert three_field_rows(get(cache.client, f"{key}:1")) == [(2, "patch", b"patch")]


def case_are_listed_once_asked_for(cache):
    key = _drop(cache, dropped_bytes(b"value"))
    info(cache.client, key)
    for criteria in (key, key.rpartition("/")[0], key.split("/")[0]):
        assert [ref_of(item).key for item in flights(cache.client, criteria)] == [key], criteria


def case_of_tables_are_served(cache):
    key = _drop(cache, table_bytes([numbers(3, {"user": "own"}), numbers(5, {"user": "own"})]))
    assert ref_of(info(cache.client, key)).version == 1
    assert info(cache.client, key).total_records == 8
    same_batches(get(cache.client, key).batches, [numbers(3, {"user": "own"}), numbers(5, {"user": "own"})])
    assert int(get(cache.client, f"{key}:0").schema.metadata[b"flame.cache.version"]) == 1
    assert patch(cache.client, key, [numbers(2)]).version == 2
    assert get(cache.client, key).table().num_rows == 10


PARTS = {
    "no byte": 0.0,
    "the magic": 8,
    "a third": 0.33,
    "all but the footer's end": -11,
    "all but the magic": -6,
    "all but one byte": -1,
}


@each(PARTS)
def case_are_no_objects_before_they_are_whole_with(cache, part):
    content = dropped_bytes(b"value" * 1000)
    size = int(len(content) * part) if isinstance(part, float) else part
    key = _drop(cache, content[:size])
    with refused("OBJECT_NOT_FOUND"):
        info(cache.client, key)
    with refused("OBJECT_NOT_FOUND"):
        get(cache.client, f"{key}:0")
    assert flights(cache.client, key) == []
    with cache.file_of(key).open("ab") as file:
        file.write(content[size:])
    assert ref_of(info(cache.client, key)).version == 1
    assert three_field_rows(get(cache.client, f"{key}:0")) == [(1, "base", b"value" * 1000)]


def case_that_are_deleted_are_gone(cache):
    key = _drop(cache, dropped_bytes(b"value"))
    info(cache.client, key)
    delete(cache.client, key)
    assert not cache.file_of(key).exists()
    with refused("OBJECT_NOT_FOUND"):
        info(cache.client, key)


def case_nobody_asked_for_are_deleted_with_their_session(cache):
    key = _drop(cache, dropped_bytes(b"value"))
    delete(cache.client, key.rpartition("/")[0])
    with refused("OBJECT_NOT_FOUND"):
        info(cache.client, key)
    # It was version 1, and no version is used twice.
    assert put_value(cache.client, key, b"new").version > 1


def case_that_others_remove_are_gone_and_disturb_nobody(cache):
    for upload in (put_value, lambda client, key, value: drop(cache.file_of(key), dropped_bytes(value))):
        key = cache.key()
        # A smaller value stays in memory when it is put.
        upload(cache.client, key, b"value" * 20_000)
        info(cache.client, key)
        cache.written_file(key).unlink()
        with refused("OBJECT_NOT_FOUND", "OBJECT_CORRUPT"):
            get(cache.client, f"{key}:0")
        put_value(cache.client, key, b"again")
        assert get(cache.client, f"{key}:0").column("data") == [b"again"]


def case_with_names_that_are_no_keys_are_passed_over(cache):
    prefix = cache.prefix()
    put_value(cache.client, f"{prefix}/good", b"v")
    for name in (".hidden.arrow", "no-ending", "x.txt", "x.arrow.tmp", "*.arrow", "o" * 201 + ".arrow"):
        drop(cache.storage / prefix / name, dropped_bytes(b"x"))
    drop(cache.storage / "loose.arrow", dropped_bytes(b"x"))
    drop(cache.storage / prefix.split("/")[0] / "loose.arrow", dropped_bytes(b"x"))
    drop(cache.storage / prefix / "deeper" / "o.arrow", dropped_bytes(b"x"))
    assert [ref_of(item).key for item in flights(cache.client, prefix.split("/")[0])] == [f"{prefix}/good"]


def case_half_written_when_the_server_starts_are_found_when_whole(_cache):
    content = dropped_bytes(b"value" * 1000)
    with storage_directory() as storage:
        drop(storage / "a/s/half.arrow", content[: len(content) // 2])
        drop(storage / "a/s/whole.arrow", content)
        with Server(storage) as server:
            client = server.cache.client
            assert [ref_of(item) for item in flights(client, "a/s")] == [(server.cache.endpoint, "a/s/whole", 1)]
            with refused("OBJECT_NOT_FOUND"):
                info(client, "a/s/half")
            with (storage / "a/s/half.arrow").open("ab") as file:
                file.write(content[len(content) // 2 :])
            assert ref_of(info(client, "a/s/half")).version == 1
            assert len(flights(client, "a/s")) == 2


def case_keep_their_version_over_a_restart(_cache):
    with storage_directory() as storage:
        drop(storage / "a/s/o.arrow", dropped_bytes(b"value"))
        with Server(storage) as server:
            assert patch_value(server.cache.client, "a/s/o", b"patch").version == 2
            put(server.cache.client, "a/s/other", [numbers(1)])
        with Server(storage) as server:
            want = [(1, "base", b"value"), (2, "patch", b"patch")]
            assert three_field_rows(get(server.cache.client, "a/s/o:0")) == want
