"""pyarrow's own C++ Flight server, for tests of our client: tables in memory under their path, and ways to misbehave.

    flight_server.py [--port PORT] [--auth none|basic|payload]

Prints `listening on PORT`, and ends when standard input does. Tickets: `sample` (each Arrow type), `big:BYTES` (that many bytes
in batches of 1 MiB), `fail:NAME` (a status), `slow` and `half` (one batch, then silence or an error), or the path of a table that was put.
"""

import argparse
import base64
import sys
import threading

import pyarrow as pa
import pyarrow.flight as flight

sys.dont_write_bytecode = True
BATCH_BYTES = 1024 * 1024

FAILURES = {
    "cancelled": flight.FlightCancelledError,
    "internal": flight.FlightInternalError,
    "key": KeyError,
    "not_implemented": NotImplementedError,
    "python": RuntimeError,
    "timed_out": flight.FlightTimedOutError,
    "unauthenticated": flight.FlightUnauthenticatedError,
    "unauthorized": flight.FlightUnauthorizedError,
    "unavailable": flight.FlightUnavailableError,
    "value": ValueError,
}


def sample() -> pa.Table:
    """Several types, a dictionary, nulls, nesting, two batches."""
    words = pa.array(["a", None, "long enough", "a"]).dictionary_encode()
    batch = pa.record_batch(
        {
            "number": pa.array([1, 2, None, 4], pa.int64()),
            "text": ["x", None, "é", ""],
            "word": words,
            "list": [[1.5], [], None, [2.5, None]],
            "struct": [{"a": 1}, None, {"a": None}, {"a": 2**40}],
            "flag": [True, None, False, True],
        }
    )
    return pa.Table.from_batches([batch, batch.slice(1, 2)]).replace_schema_metadata({"owner": "me"})


def big_batches(size_bytes: int):
    """Batches of one int64 column, each of other numbers than the one before."""
    rows = BATCH_BYTES // 8
    first = pa.array(range(rows), pa.int64())
    for number in range(size_bytes // BATCH_BYTES):
        yield pa.record_batch([pa.compute.add(first, number * rows)], ["x"])


class Server(flight.FlightServerBase):
    def __init__(self, location: str, **options):
        super().__init__(location, **options)
        self.tables: dict[str, pa.Table] = {"sample": sample()}
        self.big = pa.schema([("x", pa.int64())])

    @staticmethod
    def name_of(descriptor: flight.FlightDescriptor) -> str:
        if descriptor.descriptor_type == flight.DescriptorType.CMD:
            return "command:" + descriptor.command.hex()
        return b"/".join(descriptor.path).decode()

    def info(self, name: str) -> flight.FlightInfo:
        table = self.tables[name]
        endpoint = flight.FlightEndpoint(name, ["grpc+tcp://127.0.0.1:1"], None, b"endpoint")
        return flight.FlightInfo(
            table.schema,
            flight.FlightDescriptor.for_path(*name.split("/")),
            [endpoint],
            table.num_rows,
            table.nbytes,
            True,
            b"info",
        )

    def list_flights(self, _context, criteria):
        for name in sorted(self.tables):
            if name.startswith(criteria.decode()):
                yield self.info(name)

    def get_flight_info(self, _context, descriptor):
        return self.info(self.name_of(descriptor))

    def get_schema(self, _context, descriptor):
        return flight.SchemaResult(self.tables[self.name_of(descriptor)].schema)

    def do_get(self, _context, ticket):
        kind, _, argument = ticket.ticket.decode().partition(":")
        if kind == "fail":
            raise FAILURES[argument](f"told to fail: {argument}")
        if kind == "big":
            return flight.GeneratorStream(self.big, big_batches(int(argument)))
        if kind == "slow":
            return flight.GeneratorStream(self.big, self.one_and_silence())
        if kind == "half":
            return flight.GeneratorStream(self.big, self.one_and_failure())
        return flight.RecordBatchStream(self.tables[ticket.ticket.decode()])

    @staticmethod
    def one_and_silence():
        yield from big_batches(BATCH_BYTES)
        threading.Event().wait()

    @staticmethod
    def one_and_failure():
        yield from big_batches(BATCH_BYTES)
        raise flight.FlightUnavailableError("told to fail after a batch")

    def do_put(self, _context, descriptor, reader, writer):
        """Each batch with app_metadata is answered at once with the same."""
        name = self.name_of(descriptor)
        if name == "discard":
            for _ in reader:
                pass
            return
        batches = []
        for chunk in reader:
            if name == "refuse":
                raise flight.FlightUnauthorizedError("told to refuse")
            if name == "ignore":
                return
            if chunk.data is not None:
                batches.append(chunk.data)
            if chunk.app_metadata is not None:
                writer.write(chunk.app_metadata)
        self.tables[name] = pa.Table.from_batches(batches, reader.schema)

    def do_exchange(self, _context, descriptor, reader, writer):
        """Each batch back as it comes, with its app_metadata; first the name as app_metadata."""
        writer.write_metadata(self.name_of(descriptor).encode())
        started = False
        for chunk in reader:
            if chunk.data is None:
                writer.write_metadata(chunk.app_metadata)
                continue
            if not started:
                writer.begin(reader.schema)
                started = True
            if chunk.app_metadata is None:
                writer.write_batch(chunk.data)
            else:
                writer.write_with_metadata(chunk.data, chunk.app_metadata)

    def list_actions(self, _context):
        return [("equal", "Whether two tables are."), ("echo", "The body, twice."), ("sleep", "Nothing, for seconds.")]

    def do_action(self, _context, action):
        body = action.body.to_pybytes()
        if action.type == "echo":
            yield body
            yield body
        elif action.type == "equal":
            one, other = (self.tables[name] for name in body.decode().split(" "))
            one.validate(full=True)
            yield b"yes" if one.equals(other, check_metadata=True) else b"no"
        elif action.type == "rows":
            yield str(self.tables[body.decode()].num_rows).encode()
        elif action.type == "sleep":
            threading.Event().wait(float(body))
            yield b"slept"
        else:
            raise KeyError(f"no action {action.type}")


class NoAuth(flight.ServerAuthHandler):
    def authenticate(self, _outgoing, _incoming):
        pass

    def is_valid(self, _token):
        return b""


class PayloadAuth(flight.ServerAuthHandler):
    """Two payloads in, name and secret; the token out."""

    def authenticate(self, outgoing, incoming):
        name, secret = incoming.read(), incoming.read()
        if secret != b"secret":
            raise flight.FlightUnauthenticatedError(f"not the secret of {name.decode()}")
        outgoing.write(b"token of " + name)

    def is_valid(self, token):
        if not token.startswith(b"token of "):
            raise flight.FlightUnauthenticatedError("no token")
        return token


class BasicAuth(flight.ServerMiddlewareFactory):
    """`authorization: Basic ...` in, `authorization: Bearer ...` out."""

    def start_call(self, _info, headers):
        (scheme, _, value), *_ = [text.partition(" ") for text in headers.get("authorization", [""])]
        if scheme == "Basic" and base64.b64decode(value) == b"me:secret":
            return BearerToken()
        if scheme == "Bearer" and value == "token":
            return None
        raise flight.FlightUnauthenticatedError("neither name nor token")


class BearerToken(flight.ServerMiddleware):
    def sending_headers(self):
        return {"authorization": "Bearer token"}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--auth", choices=["none", "basic", "payload"], default="none")
    arguments = parser.parse_args()
    options = {
        "none": {},
        "basic": {"auth_handler": NoAuth(), "middleware": {"auth": BasicAuth()}},
        "payload": {"auth_handler": PayloadAuth()},
    }[arguments.auth]
    server = Server(f"grpc://127.0.0.1:{arguments.port}", **options)
    print(f"listening on {server.port}", flush=True)
    sys.stdin.read()
    server.shutdown()


main()
