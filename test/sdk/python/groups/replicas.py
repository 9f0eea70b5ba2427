"""The servers behind one endpoint: which one gets a call, and where it goes when one is lost."""

import contextlib
import socket
import threading
import time
import zlib

import pyarrow as pa
import pyarrow.flight as flight
from sdk import fails, settings
from support.cases import each

from flame_object_cache import FlameCache, ObjectRef, Unreachable
from flame_object_cache.replicas import REPLICAS_MAX, Replicas, rendezvous_order

STORAGES = ("own",)
SERVICE = "grpc://cache:9090"
ALL = ("grpc://a:1", "grpc://b:2", "grpc+tls://c:3")
# Also in test/unit/flight/rendezvous.test.ts.
ORDERS = {
    "app/s/1": ("grpc+tls://c:3", "grpc://a:1", "grpc://b:2"),
    "app/s/5": ("grpc://a:1", "grpc+tls://c:3", "grpc://b:2"),
    "ä/日本/😀": ("grpc+tls://c:3", "grpc://a:1", "grpc://b:2"),
    "x/y/z": ("grpc://a:1", "grpc+tls://c:3", "grpc://b:2"),
}
KEY = "app/s/1"
GET_SECONDS = 5.0


def _known(endpoint=SERVICE, servers=ALL):
    replicas = Replicas(endpoint)
    replicas.learn(" ".join(sorted(servers)).encode())
    return replicas


@each(ORDERS)
def case_have_the_same_order_in_every_language(_cache, order):
    key = next(key for key, value in ORDERS.items() if value is order)
    assert rendezvous_order(ALL, key) == order


def case_are_the_endpoint_alone_until_one_of_them_names_the_others(_cache):
    replicas = Replicas(SERVICE)
    assert (replicas.choose(KEY), replicas.tag) == (SERVICE, b"")
    assert not replicas.lose(SERVICE, has_answered=True) and replicas.choose(KEY) == SERVICE


def case_get_a_key_from_its_owner_and_everything_else_at_the_endpoint(_cache):
    replicas = _known()
    assert (replicas.choose(KEY), replicas.choose(None)) == (ORDERS[KEY][0], SERVICE)
    assert replicas.tag == b"%08x" % zlib.crc32(" ".join(sorted(ALL)).encode())


def case_continue_in_the_order_of_the_key_and_at_the_endpoint_last(_cache):
    replicas, tried, more = _known(), [], True
    while more:
        tried.append(replicas.choose(KEY))
        more = replicas.lose(tried[-1], has_answered=True)
    assert tried == [*ORDERS[KEY], SERVICE]


def case_are_a_last_resort_once_one_that_has_never_answered_is_lost(_cache):
    replicas = _known()
    replicas.lose(ORDERS[KEY][0], has_answered=False)
    assert replicas.choose(KEY) == SERVICE
    replicas.lose(SERVICE, has_answered=True)
    assert replicas.choose(KEY) == ORDERS[KEY][1]


def case_are_not_those_without_tls_if_the_endpoint_has_tls(_cache):
    replicas = _known("grpc+tls://cache:9090")
    assert replicas.choose(KEY) == "grpc+tls://c:3" and "grpc://a:1" not in replicas


@each({"no endpoints": b"grpc://a:1 b", "nothing": b"", "too much": b"grpc://a:1 " * 10_000, "no text": b"\xff"})
def case_are_not_learned_from_a_text_that_is(_cache, text):
    replicas = _known()
    tag = replicas.tag
    replicas.learn(text)
    assert replicas.tag == tag and replicas.choose(KEY) == ORDERS[KEY][0]


def case_are_remembered_in_a_bounded_number(_cache):
    many = [f"grpc://host-{number}:1" for number in range(200)]
    replicas = _known(servers=many)
    assert sum(server in replicas for server in many) == REPLICAS_MAX


class _Listing(flight.FlightServerBase):
    """Answers each get with its own port, and names `servers`."""

    def __init__(self):
        self.servers, self.calls = [], 0
        super().__init__("grpc://127.0.0.1:0")
        self.endpoint = f"grpc://127.0.0.1:{self.port}"

    def do_get(self, context, ticket):
        self.calls += 1
        table = pa.table({"version": pa.array([1], pa.uint64()), "kind": ["base"], "data": [b"FLM\x06" + str(self.port).encode()]})
        named = {"flame.cache.replicas": " ".join(sorted(self.servers))} if self.servers else None
        return flight.RecordBatchStream(table.replace_schema_metadata(named))

    def do_put(self, context, descriptor, reader, writer):
        reader.read_all()
        writer.write(ObjectRef(self.endpoint, "/".join(part.decode() for part in descriptor.path), 1).encode())
        writer.write(" ".join(sorted(self.servers)).encode())


def _owned_by(endpoint, servers):
    return next(f"a/s/{n}" for n in range(1000) if rendezvous_order(tuple(sorted(servers)), f"a/s/{n}")[0] == endpoint)


@contextlib.contextmanager
def _silent():
    """A server that accepts connections and never answers, like one whose host does not send."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held = []

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    held.append(listener.accept()[0])

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield f"grpc://127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        for each_held in held:
            each_held.close()


def _closed():
    """An endpoint on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return contextlib.nullcontext(f"grpc://127.0.0.1:{listener.getsockname()[1]}")


@each({"refuses": _closed, "is silent": _silent})
def case_answer_within_five_seconds_if_the_owner(_cache, gone):
    with settings(), gone() as lost, _Listing() as server, FlameCache(server.endpoint) as client:
        server.servers = [lost, server.endpoint]
        key = _owned_by(lost, server.servers)
        client.get(key)
        began = time.monotonic()
        assert client.get(key) == str(server.port).encode()
        assert time.monotonic() - began < GET_SECONDS


def case_are_learned_from_the_answer_to_a_put(_cache):
    with settings(), _Listing() as server, _Listing() as other, FlameCache(server.endpoint) as client:
        server.servers = [other.endpoint]
        assert client.put("a/s/o", 1).key == "a/s/o"
        client.get("a/s/o")
        assert (server.calls, other.calls) == (0, 1)


def case_that_are_all_lost_raise_unreachable(_cache):
    with settings(), _closed() as one, _closed() as other:
        with _Listing() as server, FlameCache(server.endpoint) as client:
            server.servers = [one, other]
            client.get("a/s/o")
            server.shutdown()
            with fails(Unreachable, "UNREACHABLE"):
                client.get("a/s/o")


def case_get_the_credentials_that_their_endpoint_gets(_cache):
    with settings(), _Listing() as server:
        with FlameCache(server.endpoint, token="s3cret") as client:
            named = "grpc://cache-1.example:9090"
            server.servers = [named, server.endpoint]
            client.get(_owned_by(server.endpoint, server.servers))
            assert client._config_for(named) is client._config()
            assert client._config_for("grpc://other.example:9090").credentials is not client._config().credentials
