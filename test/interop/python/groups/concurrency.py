"""Many clients at once: versions are given out once, and a reader sees a whole object, never a part of two."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

import pyarrow as pa
import pyarrow.flight as flight

from support.calls import delete, flights, get, put
from support.opaque import patch_value, put_value, two_field_rows, value_of
from support.tables import numbers

STORAGES = ("files", "none")
CAMPAIGN = True


def _at_once(cache, *acts: Callable) -> list:
    """Runs each act(client) in a thread with a connection of its own; all begin together."""
    gate = threading.Barrier(len(acts))

    def one(act: Callable):
        with cache.new_client() as client:
            client.wait_for_available()
            gate.wait(60)
            return act(client)

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(one, acts))


def case_puts_of_one_key_get_each_version_once(cache):
    key = cache.key()

    def act(client) -> list[int]:
        return [put_value(client, key, b"v" * 1000).version for _ in range(25)]

    versions = _at_once(cache, *[act] * 8)
    assert sorted(version for part in versions for version in part) == list(range(1, 201))
    assert all(part == sorted(part) for part in versions)


def case_patches_of_one_key_are_all_kept_in_the_order_of_their_versions(cache):
    key = cache.key()
    put_value(cache.client, key, b"base")

    def act_of(name: bytes) -> Callable:
        return lambda client: [
            (patch_value(client, key, name + b"%d" % n).version, name + b"%d" % n) for n in range(20)
        ]

    answered = [pair for part in _at_once(cache, *(act_of(name) for name in (b"a", b"b", b"c", b"d"))) for pair in part]
    assert two_field_rows(get(cache.client, key)) == [(1, b"base"), *sorted(answered)]


def case_a_reader_sees_one_whole_version(cache):
    key, size, rounds = cache.key(), 300_000, 40
    put_value(cache.client, key, b"\x01" * size)
    done = threading.Event()

    def write(client) -> None:
        for version in range(2, rounds):
            assert put_value(client, key, bytes([version]) * size).version == version
        done.set()

    def read(client) -> None:
        last = 0
        while not done.is_set():
            ((version, data),) = two_field_rows(get(client, key))
            assert data == bytes([version]) * size, version
            assert version >= last
            last = version

    _at_once(cache, write, read, read)


def case_a_reader_sees_a_base_with_its_own_patches_only(cache):
    key = cache.key()
    put_value(cache.client, key, b"0")
    done = threading.Event()

    def write(client) -> None:
        for number in range(1, 40):
            put_value(client, key, b"%d" % number)
            patch_value(client, key, b"%d" % number)
            patch_value(client, key, b"%d" % number)
        done.set()

    def read(client) -> None:
        while not done.is_set():
            rows = two_field_rows(get(client, key))
            assert len({data for _, data in rows}) == 1, rows
            versions = [version for version, _ in rows]
            assert versions == list(range(versions[0], versions[0] + len(versions))), rows

    _at_once(cache, write, read, read)


def case_different_keys_do_not_disturb_each_other(cache):
    prefix = cache.prefix()

    def act_of(name: int) -> Callable:
        def act(client) -> None:
            for number in range(30):
                key = f"{prefix}/{name}-{number}"
                value = b"%d-%d" % (name, number) * 500
                put_value(client, key, value)
                put(client, f"{key}-table", [numbers(number)])
                assert value_of(client, key) == value
                assert get(client, f"{key}-table").batches == [numbers(number)]

        return act

    _at_once(cache, *(act_of(name) for name in range(6)))
    assert len(flights(cache.client, prefix)) == 6 * 30 * 2


def case_puts_and_deletes_of_one_key_never_use_a_version_twice(cache):
    key = cache.key()

    def put_often(client) -> list[int]:
        return [put_value(client, key, b"v").version for _ in range(40)]

    def delete_often(client) -> list[int]:
        for _ in range(40):
            delete(client, key)
        return []

    versions = [version for part in _at_once(cache, put_often, put_often, delete_often) for version in part]
    assert len(set(versions)) == 80, sorted(versions)


def case_a_slow_reader_gets_what_it_asked_for_though_it_is_replaced_and_deleted(cache):
    key = cache.key()
    batch = pa.RecordBatch.from_arrays([pa.array(range(500_000), pa.int64())], ["n"])
    put(cache.client, key, [batch] * 8)
    reader = cache.client.do_get(flight.Ticket(key.encode()))
    first = reader.read_chunk().data
    with cache.new_client() as other:
        put_value(other, key, b"new")
        delete(other, key)
    assert [first, *(chunk.data for chunk in reader)] == [batch] * 8


def case_readers_that_leave_in_the_middle_disturb_nobody(cache):
    key = cache.key()
    batch = pa.RecordBatch.from_arrays([pa.array(range(100_000), pa.int64())], ["n"])
    put(cache.client, key, [batch] * 40)

    def leave(client) -> None:
        for _ in range(10):
            reader = client.do_get(flight.Ticket(key.encode()))
            reader.read_chunk()
            reader.cancel()

    _at_once(cache, leave, leave, lambda client: [get(client, key) for _ in range(5)])
    assert get(cache.client, key).batches == [batch] * 40


def case_hundreds_of_calls_share_one_connection(cache):
    key = cache.key()
    put_value(cache.client, key, b"value" * 100)
    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(lambda _: value_of(cache.client, key), range(600))) == {b"value" * 100}
