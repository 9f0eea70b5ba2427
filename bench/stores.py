"""What the bench puts objects into and gets them from: Flight servers, Redis, and bare files, behind the same two methods.

    put(key, batch)          stores one record batch whole; returns when the store has answered
    get(key)                 reads it whole; the form is the store's own
    holds(key, batch)        whether what it gives back is what was put

A store is opened by its description in a plan: {"uri"}, {"port"} (Redis) or {"directory"}.
"""

import os

import pyarrow as pa
import pyarrow.flight as flight

from redis_connection import RedisConnection


def make_batch(size_bytes, form):
    """An object of that size: `table` is one uint8 column `data`, `opaque` one row {version, data}."""
    data = pa.py_buffer(os.urandom(min(size_bytes, 1 << 20)) * max(1, size_bytes >> 20))
    if form == "opaque":
        cells = [pa.array([0], pa.uint64()), pa.array([data.to_pybytes()], pa.binary())]
        return pa.record_batch(cells, names=["version", "data"])
    column = pa.Array.from_buffers(pa.uint8(), size_bytes, [None, data])
    return pa.record_batch([column], names=["data"])


def data_of(batch):
    """The bytes of the column `data`, as a view."""
    return memoryview(batch.column(batch.num_columns - 1).buffers()[-1])


class FlightStore:
    def __init__(self, uri):
        self.client = flight.FlightClient(uri)

    def put(self, key, batch):
        writer, answers = self.client.do_put(flight.FlightDescriptor.for_path(key), batch.schema)
        writer.write_batch(batch)
        writer.done_writing()
        answer = answers.read()
        writer.close()
        assert answer is not None

    def get(self, key):
        return self.client.do_get(flight.Ticket(key)).read_all()

    def holds(self, key, batch):
        return self.get(key).column("data").combine_chunks().equals(batch.column("data"))


class FileStore:
    """What the file system costs by itself: a put writes a file aside and renames it, a get reads it whole."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)

    def path(self, key):
        return os.path.join(self.directory, key.replace("/", "-"))

    def put(self, key, batch):
        aside = os.open(self.path(key) + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        view = data_of(batch)
        while len(view) > 0:
            view = view[os.write(aside, view) :]
        os.close(aside)
        os.rename(self.path(key) + ".part", self.path(key))

    def get(self, key):
        file = os.open(self.path(key), os.O_RDONLY)
        size = os.fstat(file).st_size
        data = bytearray(size)
        assert os.readv(file, [data]) == size
        os.close(file)
        return data

    def holds(self, key, batch):
        return self.get(key) == data_of(batch)


class RedisStore:
    def __init__(self, port):
        self.connection = RedisConnection(port)

    def put(self, key, batch):
        assert self.connection.command(b"SET", key.encode(), data_of(batch)) == b"OK"

    def get(self, key):
        return self.connection.command(b"GET", key.encode())

    def holds(self, key, batch):
        return self.get(key) == data_of(batch)


def open_store(description):
    if "uri" in description:
        return FlightStore(description["uri"])
    if "port" in description:
        return RedisStore(description["port"])
    return FileStore(description["directory"])
