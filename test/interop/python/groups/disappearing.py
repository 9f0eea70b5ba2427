"""A client that dies in the middle of a put (docs/protocol.md, "DoPut") leaves no object and no
file."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from support.calls import get, info
from support.expect import eventually, refused
from support.opaque import patch_value, put_value, two_field_rows, value_of

STORAGES = ("files",)

MIB = 1 << 20
LARGE = bytes(100_000)
CLIENT = """
import sys, time
import pyarrow as pa, pyarrow.flight as flight
endpoint, descriptor, batches, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
where = flight.FlightDescriptor.for_command if descriptor.startswith("PATCH:") else flight.FlightDescriptor.for_path
schema = pa.schema([("version", pa.uint64()), ("data", pa.binary())])
offsets, data = pa.py_buffer(bytes(4) + size.to_bytes(4, "little")), pa.allocate_buffer(size)
cells = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, data])
batch = pa.RecordBatch.from_arrays([pa.array([0], pa.uint64()), cells], schema=schema)
writer, reader = flight.connect(endpoint).do_put(where(descriptor), schema)
for _ in range(batches):
    writer.write_batch(batch)
print("written", flush=True)
time.sleep(600)
"""


def _files(storage: Path) -> dict[str, int]:
    """Every file of objects with its size; what vanishes while looking is not there. The journal grows later,
    and the log has segments ready."""
    found = {}
    for path in storage.rglob("*"):
        try:
            if path.is_file() and not {".journal", ".log"} & set(path.parts):
                found[str(path.relative_to(storage))] = path.stat().st_size
        except FileNotFoundError:
            pass
    return found


class _DyingClient:
    def __init__(self, cache, descriptor: str, batches: int, size: int):
        arguments = [sys.executable, "-c", CLIENT, cache.endpoint, descriptor, str(batches), str(size)]
        self.process = subprocess.Popen(arguments, stdout=subprocess.PIPE, env=dict(os.environ))

    def __enter__(self) -> "_DyingClient":
        return self

    def __exit__(self, *_error) -> None:
        self.die()
        self.process.stdout.close()

    def wait_until_written(self) -> None:
        assert self.process.stdout.readline() == b"written\n"

    def die(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)


def _settled(cache) -> dict[str, int]:
    # Large enough to be a file before the answer, not behind it.
    put_value(cache.client, cache.key(), LARGE)
    return _files(cache.storage)


def _grown(cache, before: dict[str, int], size: int) -> bool:
    return sum(_files(cache.storage).values()) >= sum(before.values()) + size


def case_leaves_nothing_after_many_batches(cache):
    key, before = cache.key(), _settled(cache)
    with _DyingClient(cache, key, 150, 2 * MIB) as client:
        client.wait_until_written()
        eventually("the upload is on its way to disk", lambda: _grown(cache, before, 100 * MIB))
        assert set(_files(cache.storage)) - set(before), "nothing was staged"
        client.die()
        eventually("its bytes are gone", lambda: _files(cache.storage) == before)
    with refused("OBJECT_NOT_FOUND"):
        get(cache.client, key)
    with refused("OBJECT_NOT_FOUND"):
        info(cache.client, key)


def case_leaves_nothing_in_the_middle_of_one_large_message(cache):
    key, before = cache.key(), _settled(cache)
    with _DyingClient(cache, key, 1, 1500 * MIB) as client:
        eventually("the upload is on its way to disk", lambda: _grown(cache, before, 50 * MIB))
        client.die()
        eventually("its bytes are gone", lambda: _files(cache.storage) == before)
    with refused("OBJECT_NOT_FOUND"):
        get(cache.client, key)


def case_leaves_the_older_object_as_it_was(cache):
    key = cache.key()
    put_value(cache.client, key, b"older" + LARGE)
    patch_value(cache.client, key, b"patch" + LARGE)
    before = _settled(cache)
    for descriptor in (key, f"PATCH:{key}"):
        with _DyingClient(cache, descriptor, 30, MIB) as client:
            client.wait_until_written()
            eventually("the upload is on its way to disk", lambda: _grown(cache, before, 10 * MIB))
            client.die()
            eventually("its bytes are gone", lambda: _files(cache.storage) == before)
    assert two_field_rows(get(cache.client, key)) == [(1, b"older" + LARGE), (2, b"patch" + LARGE)]
    assert put_value(cache.client, key, b"newer").version == 3


def case_leaves_a_server_that_serves_on(cache):
    key = cache.key()
    for _ in range(5):
        with _DyingClient(cache, key, 3, MIB) as client:
            client.wait_until_written()
    assert put_value(cache.client, key, b"v").version == 1
    assert value_of(cache.client, key) == b"v"
