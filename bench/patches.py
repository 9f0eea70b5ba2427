"""Times an object that grows by small pieces: adding one, and reading the newest, for bases of several sizes, interleaved.

Takes a plan as JSON in argv[1] and prints one line of JSON for each block of equal calls:

    plan   {"servers": [{"name", and what is opened here}], "bases": [bytes], "patches", "patchBytes", "rounds", "reads"}
    block  {"server", "baseBytes", "what", "round", "seconds": [one for each call]}

`what` is one of
    patch         adding a piece to the object; the rounds together add `patches` pieces
    newest        reading the newest piece of the object with all its pieces, and nothing else
    newest of 1   the same of an object of one piece, its base as large as a piece
    get           reading an object without pieces, as large as a piece
A Flight server is asked by descriptors `PATCH:KEY` and tickets `KEY:VERSION`, Redis by APPEND and GETRANGE, a file by a write at its end
and a read from there. Once all pieces are there the newest is compared with what was put. Round 0 is not printed.
"""

import gc
import json
import os
import sys
import time

import pyarrow as pa
import pyarrow.flight as flight

from redis_connection import RedisConnection

PREFIX = "bench/growing"
SMALL, SINGLE = f"{PREFIX}/small", f"{PREFIX}/single"


def make_row(data):
    return pa.record_batch([pa.array([0], pa.uint64()), pa.array([data], pa.binary())], names=["version", "data"])


class FlightObjects:
    def __init__(self, uri):
        self.client = flight.FlightClient(uri)
        self.versions = {}

    def _put(self, key, descriptor, data):
        batch = make_row(data)
        writer, answers = self.client.do_put(descriptor, batch.schema)
        writer.write_batch(batch)
        writer.done_writing()
        reference = answers.read()
        writer.close()
        # The last field of the BSON document: an int64, and the byte that ends the document.
        self.versions[key] = int.from_bytes(reference.to_pybytes()[-9:-1], "little")

    def put(self, key, data):
        self._put(key, flight.FlightDescriptor.for_path(key), data)

    def patch(self, key, data):
        self._put(key, flight.FlightDescriptor.for_command(f"PATCH:{key}"), data)

    def newest(self, key, size):
        rows = self.client.do_get(flight.Ticket(f"{key}:{self.versions[key] - 1}")).read_all()
        assert rows.num_rows == 1
        return rows.column("data")[0].as_buffer()

    def get(self, key):
        return self.client.do_get(flight.Ticket(key)).read_all().column("data")[0].as_buffer()


class RedisObjects:
    def __init__(self, port):
        self.connection = RedisConnection(port)

    def put(self, key, data):
        assert self.connection.command(b"SET", key.encode(), data) == b"OK"

    def patch(self, key, data):
        self.connection.command(b"APPEND", key.encode(), data)

    def newest(self, key, size):
        return self.connection.command(b"GETRANGE", key.encode(), b"%d" % -size, b"-1")

    def get(self, key):
        return self.connection.command(b"GET", key.encode())


class FileObjects:
    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)

    def _open(self, key, flags):
        return os.open(os.path.join(self.directory, key.replace("/", "-")), flags, 0o644)

    def put(self, key, data):
        file = self._open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        assert os.write(file, data) == len(data)
        os.close(file)

    def patch(self, key, data):
        file = self._open(key, os.O_WRONLY | os.O_APPEND)
        assert os.write(file, data) == len(data)
        os.close(file)

    def newest(self, key, size):
        file = self._open(key, os.O_RDONLY)
        data = os.pread(file, size, os.fstat(file).st_size - size)
        os.close(file)
        return data

    def get(self, key):
        file = self._open(key, os.O_RDONLY)
        data = os.read(file, os.fstat(file).st_size)
        os.close(file)
        return data


def open_objects(server):
    if "uri" in server:
        return FlightObjects(server["uri"])
    return RedisObjects(server["port"]) if "port" in server else FileObjects(server["directory"])


def seconds_of(action, count):
    seconds = []
    for _ in range(count):
        start = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - start)
    return seconds


def growing(base):
    return f"{PREFIX}/base-{base}"


def prepare(objects, plan, piece):
    objects.put(SMALL, piece)
    objects.put(SINGLE, piece)
    objects.patch(SINGLE, piece)
    for base in plan["bases"]:
        objects.put(growing(base), os.urandom(min(base, 1 << 20)) * max(1, base >> 20))


def run_round(plan, piece, number, what):
    """One block of each server for each base, the servers rotated."""
    servers, size = plan["servers"], plan["patchBytes"]
    first = number % len(servers)
    # Round 0 adds pieces as well: all rounds together add exactly `patches`.
    pieces = plan["patches"] // (plan["rounds"] + 1)
    pieces += plan["patches"] % (plan["rounds"] + 1) if number == 0 else 0
    gc.collect()
    for base in plan["bases"]:
        for server in servers[first:] + servers[:first]:
            objects, key = server["objects"], growing(base)
            actions = {
                "patch": (lambda: objects.patch(key, piece), pieces),
                "newest": (lambda: objects.newest(key, size), plan["reads"]),
                "newest of 1": (lambda: objects.newest(SINGLE, size), plan["reads"]),
                "get": (lambda: objects.get(SMALL), plan["reads"]),
            }
            for name in what:
                seconds = seconds_of(*actions[name])
                if number > 0:
                    block = {"server": server["name"], "baseBytes": base, "what": name, "round": number, "seconds": seconds}
                    print(json.dumps(block), flush=True)


def run(plan):
    piece = os.urandom(plan["patchBytes"])
    for server in plan["servers"]:
        server["objects"] = open_objects(server)
        prepare(server["objects"], plan, piece)
    gc.disable()
    rounds = range(plan["rounds"] + 1)
    for number in rounds:
        run_round(plan, piece, number, ["patch"])
    for server in plan["servers"]:
        for base in plan["bases"]:
            assert bytes(server["objects"].newest(growing(base), len(piece))) == piece, server["name"]
    for number in rounds:
        run_round(plan, piece, number, ["newest", "newest of 1", "get"])


if __name__ == "__main__":
    run(json.loads(sys.argv[1]))
