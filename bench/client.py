"""Times puts and gets of one size after the other against several servers, interleaved, with pyarrow's Flight client.

Takes a plan as JSON in argv[1] and prints one line of JSON for each block of equal calls:

    plan   {"servers": [{"name", "uri", "pid"}], "rounds", "warmUpCalls", "sizes": [{"sizeBytes", "calls"}], "form"}
           a server with a "directory" instead of "uri" and "pid" is none: its puts are files written aside and renamed
    block  {"server", "operation", "sizeBytes", "round", "seconds": [one for each call], "serverCpuSeconds"}

A call is timed whole: a put until its answer has been read and the stream is closed, a get until the table is there.
`form` is `table` (one column `data: uint8`, a row for each byte) or `opaque` (`{version: uint64, data: binary}`, one row);
either way an object is one record batch in one message. Before all else each server gets `warmUpCalls` puts and gets of
1 KiB (what runs in a just-in-time compiler is slow at first), and round 0 of each size is not printed either.

With `frames N` as arguments it prints instead, for the load generator, the bytes of N put requests as hexadecimal.
"""

import gc
import json
import os
import sys
import time

import pyarrow as pa
import pyarrow.flight as flight

KEY_PREFIX = "bench/session"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def make_batch(size_bytes, form):
    data = pa.py_buffer(os.urandom(min(size_bytes, 1 << 20)) * max(1, size_bytes >> 20))
    if form == "opaque":
        cells = [pa.array([0], pa.uint64()), pa.array([data.to_pybytes()], pa.binary())]
        return pa.record_batch(cells, names=["version", "data"])
    column = pa.Array.from_buffers(pa.uint8(), size_bytes, [None, data])
    return pa.record_batch([column], names=["data"])


def put(client, key, batch):
    writer, answers = client.do_put(flight.FlightDescriptor.for_path(key), batch.schema)
    writer.write_batch(batch)
    writer.done_writing()
    answer = answers.read()
    writer.close()
    assert answer is not None


def get(client, key):
    return client.do_get(flight.Ticket(key)).read_all()


class BareFiles:
    """What the disk costs by itself: a put writes a file aside and renames it, a get reads it whole."""

    def __init__(self, directory):
        self.directory = directory
        os.makedirs(directory, exist_ok=True)

    def path(self, key):
        return os.path.join(self.directory, key.replace("/", "-"))

    def put(self, key, batch):
        aside = os.open(self.path(key) + ".part", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        for buffer in (part for column in batch.columns for part in column.buffers() if part is not None):
            view = memoryview(buffer)
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


class FlightServer:
    def __init__(self, uri):
        self.client = flight.FlightClient(uri)

    def put(self, key, batch):
        put(self.client, key, batch)

    def get(self, key):
        return get(self.client, key)


def cpu_seconds(pid):
    """User and system time of a process so far, ours without one; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid or 'self'}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def time_block(server, operation, key, batch, calls):
    seconds = []
    cpu_before = cpu_seconds(server.get("pid"))
    for _ in range(calls):
        start = time.perf_counter()
        if operation == "put":
            server["store"].put(key, batch)
        else:
            server["store"].get(key)
        seconds.append(time.perf_counter() - start)
    return seconds, cpu_seconds(server.get("pid")) - cpu_before


def run(plan):
    servers = plan["servers"]
    for server in servers:
        server["store"] = FlightServer(server["uri"]) if "uri" in server else BareFiles(server["directory"])
    gc.disable()
    for operation in ("put", "get"):
        for server in servers:
            time_block(server, operation, f"{KEY_PREFIX}/warm-up", make_batch(1024, plan["form"]), plan["warmUpCalls"])
    for size in plan["sizes"]:
        size_bytes = size["sizeBytes"]
        batch = make_batch(size_bytes, plan["form"])
        key = f"{KEY_PREFIX}/{size_bytes}"
        for round_number in range(plan["rounds"] + 1):
            first = round_number % len(servers)
            gc.collect()
            for operation in ("put", "get"):
                for server in servers[first:] + servers[:first]:
                    seconds, cpu = time_block(server, operation, key, batch, size["calls"])
                    block = {
                        "server": server["name"],
                        "operation": operation,
                        "sizeBytes": size_bytes,
                        "round": round_number,
                        "seconds": seconds,
                        "serverCpuSeconds": cpu,
                    }
                    if round_number > 0:
                        print(json.dumps(block), flush=True)
        for server in servers:
            if "uri" not in server:
                continue
            assert server["store"].get(key).column("data").combine_chunks().equals(batch.column("data"))


def varint(value):
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes(encoded) + bytes([value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def grpc_message(content):
    return b"\0" + len(content).to_bytes(4, "big") + content


def flight_data(ipc_message, descriptor=b""):
    """An encapsulated IPC message as FlightData in a gRPC message; a descriptor goes first where there is one."""
    header_size = int.from_bytes(ipc_message[4:8], "little")
    header, body = ipc_message[8 : 8 + header_size], ipc_message[8 + header_size :]
    front = field(1, descriptor) if descriptor else b""
    return grpc_message(front + field(2, header) + (field(1000, body) if body else b""))


def print_frames(count, size_bytes):
    batch = make_batch(size_bytes, "table")
    requests = []
    for index in range(count):
        key = f"{KEY_PREFIX}/load-{index}"
        descriptor = flight.FlightDescriptor.for_path(key).serialize()
        schema = flight_data(batch.schema.serialize().to_pybytes(), descriptor)
        put_request = schema + flight_data(batch.serialize().to_pybytes())
        get_request = grpc_message(field(1, key.encode()))
        requests.append({"put": put_request.hex(), "get": get_request.hex()})
    print(json.dumps(requests))


if __name__ == "__main__":
    if sys.argv[1] == "frames":
        print_frames(int(sys.argv[2]), int(sys.argv[3]))
    else:
        run(json.loads(sys.argv[1]))
