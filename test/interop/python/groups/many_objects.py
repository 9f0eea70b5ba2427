"""Two thousand objects by several clients, equal after SIGTERM and after SIGKILL."""

import threading
import zlib
from concurrent.futures import ThreadPoolExecutor

from support.calls import flights, get, put, ref_of
from support.opaque import put_value, two_field_rows
from support.server import Server, storage_directory
from support.tables import numbers

STORAGES = ("own",)
CAMPAIGN = True

COUNT, THREADS = 2_000, 4
_of_thread = threading.local()


def _key(number: int) -> str:
    return f"app-{number % 3}/session-{number % 97}/object-{number:05}"


def _value(number: int, version: int) -> bytes:
    word = b"%08x" % zlib.crc32(b"%d %d" % (number, version))
    return word * (number * 7 % 200)


def _put(client, number: int, version: int) -> None:
    if number % 10 == 0:
        ref = put(client, _key(number), [numbers(number % 50 + version)])
    else:
        ref = put_value(client, _key(number), _value(number, version))
    assert (ref.key, ref.version) == (_key(number), version)


def _check(client, number: int, version: int) -> None:
    reply = get(client, _key(number))
    if number % 10 == 0:
        assert reply.batches == [numbers(number % 50 + version)], number
    else:
        assert two_field_rows(reply) == [(version, _value(number, version))], number


def _for_each(cache, act, numbers_and_versions) -> None:
    """Runs act over all numbers by several threads, each with a connection of its own."""

    def one(item: tuple[int, int]) -> None:
        if getattr(_of_thread, "cache", None) is not cache:
            _of_thread.cache, _of_thread.client = cache, cache.new_client()
        act(_of_thread.client, *item)

    with ThreadPoolExecutor(THREADS) as pool:
        for _ in pool.map(one, numbers_and_versions, chunksize=100):
            pass


def case_are_equal_after_sigterm_and_after_sigkill(_cache):
    versions = dict.fromkeys(range(COUNT), 1)
    with storage_directory() as storage:
        with Server(storage) as server:
            _for_each(server.cache, _put, versions.items())
            assert server.stop() == 0
        with Server(storage) as server:
            _for_each(server.cache, _check, versions.items())
            changed = {number: 2 for number in range(0, COUNT, 9)}
            _for_each(server.cache, _put, changed.items())
            versions |= changed
            server.kill()
        with Server(storage) as server:
            # All of them by the list, and what can differ since they were last compared, by its bytes.
            listed = {ref.key: ref.version for ref in map(ref_of, flights(server.cache.client, ""))}
            assert listed == {_key(number): version for number, version in versions.items()}
            again = {number: versions[number] for number in versions if number % 9 == 0 or number % 3 == 1}
            _for_each(server.cache, _check, again.items())
