"""The client against a server with an access file: tokens that `token create` made."""

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, NamedTuple

from certificates import certificate
from sdk import fails, settings
from support.server import Server

import flame_object_cache
import pyarrow.flight as flight
from flame_object_cache import FlameCache, ObjectNotFound, PermissionDenied, Unauthenticated, Unreachable

STORAGES = ("own",)


class Guarded(NamedTuple):
    endpoint: str
    file: Path
    worker: str
    reader: str


def _token(file: Path, identity: str, verbs: str) -> str:
    command = [*json.loads(os.environ["INTEROP_COMMAND"]), "token", "create", "--access-file", str(file)]
    rules = ["--identity", identity, "--allow", verbs, "--on", "app/*"]
    done = subprocess.run([*command, *rules], check=True, capture_output=True, text=True)
    return done.stdout.strip()


@contextmanager
def _server() -> Iterator[Guarded]:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory, "access.yaml")
        worker, reader = _token(file, "worker", "get,put,list"), _token(file, "reader", "get,list")
        with Server(None, "grpc://127.0.0.1:0", "--access-file", str(file)) as server:
            yield Guarded(server.cache.endpoint, file, worker, reader)


def case_is_used_with_a_token(_cache):
    with _server() as server, settings(endpoint=server.endpoint):
        with FlameCache(token=server.worker) as client:
            ref = client.put("app/s", {"a": 1})
            assert client.get(ref) == {"a": 1} and [found.key for found in client.list("app")] == [ref.key]
        for token in (None, "flame_wrong"):
            with FlameCache(token=token) as client, fails(Unauthenticated, "UNAUTHENTICATED"):
                client.get(ref)
        with FlameCache(token=server.reader) as client:
            assert client.get(ref) == {"a": 1}
            with fails(PermissionDenied, "PERMISSION_DENIED"):
                client.update(ref, 2)
            with fails(PermissionDenied, "PERMISSION_DENIED"):
                client.get("other/s/o")
            with fails(ObjectNotFound, "OBJECT_NOT_FOUND"):
                client.get("app/s/none")


CERTIFIED = """identities:
  - name: client
    rules: [{allow: [get, put, list], on: ["${identity}/*"]}]
    certificates: ["CN=client"]
"""


def case_is_used_with_a_client_certificate(_cache):
    with tempfile.TemporaryDirectory() as directory:
        own, mine = certificate(directory, "server"), certificate(directory, "client")
        Path(directory, "access.yaml").write_text(CERTIFIED)
        config = Path(directory, "flame-cluster.yaml")
        tls = {"cert_file": own[0], "key_file": own[1], "client_ca_file": mine[0]}
        config.write_text(json.dumps({"cache": {"tls": tls, "access": {"file": "access.yaml"}}}))
        with Server(None, "grpcs://127.0.0.1:0", "--config", str(config)) as server:
            with settings(endpoint=server.cache.endpoint, ca_file=own[0]):
                with FlameCache(client_cert_file=mine[0], client_key_file=mine[1]) as client:
                    assert client.get(client.put("client/s", 1)) == 1
                    with fails(PermissionDenied, "PERMISSION_DENIED"):
                        client.put("other/s", 1)
                with FlameCache(timeout=5) as client, fails(Unreachable, "UNREACHABLE"):
                    client.list("client")
            with settings(endpoint=server.cache.endpoint, ca_file=own[0], client_cert=mine[0], client_key=mine[1]):
                assert len(flame_object_cache.list_objects("client")) == 1


def case_gives_a_token_for_a_name_and_a_password(_cache):
    with _server() as server, settings(endpoint=server.endpoint):
        command = [*json.loads(os.environ["INTEROP_COMMAND"]), "token", "password"]
        options = ["--access-file", str(server.file), "--identity", "worker"]
        subprocess.run([*command, *options], check=True, capture_output=True, input=b"long enough\n")
        with Server(None, "grpc://127.0.0.1:0", "--access-file", str(server.file)) as again:
            client = flight.FlightClient(again.cache.endpoint)
            _, value = client.authenticate_basic_token("worker", "long enough")
            with FlameCache(again.cache.endpoint, token=value.decode().replace("Bearer ", "")) as cache:
                assert cache.get(cache.put("app/s", 1)) == 1


def case_is_used_by_the_functions_with_a_token_that_is_rotated(_cache):
    with _server() as server:
        path = Path(server.file.parent, "token")
        path.write_text(server.reader)
        path.chmod(0o600)
        with settings(endpoint=server.endpoint, token_file=str(path)):
            with fails(PermissionDenied, "PERMISSION_DENIED"):
                flame_object_cache.put_object("app/s", 1)
            path.write_text(server.worker)
            ref = flame_object_cache.put_object("app/s", 1)
            assert flame_object_cache.get_object(ref) == 1
        with settings(endpoint=server.endpoint), fails(Unauthenticated, "UNAUTHENTICATED"):
            flame_object_cache.get_object(ref)
