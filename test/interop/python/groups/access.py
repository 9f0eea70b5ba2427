"""Callers who say who they are (docs/access.md): bearer tokens, name and password by authenticate_basic_token, and
what they may do. The tokens are made by the verb `token` of the built command."""

import json
import os
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional

import pyarrow.flight as flight

from support.calls import flights, options, path
from support.expect import eventually, refused
from support.opaque import SENT, put_value, rows, value_of
from support.server import Server

STORAGES = ("own",)


class AccessFile:
    """An access file, changed by the command."""

    def __init__(self, folder: Path):
        self.path = folder / "access.yaml"

    def token(self, *arguments: str, stdin: Optional[str] = None) -> str:
        command = [*json.loads(os.environ["INTEROP_COMMAND"]), "token", *arguments, "--access-file", str(self.path)]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def create(self, name: str, *rules: str) -> str:
        return self.token("create", "--identity", name, *rules)


@contextmanager
def _access() -> Iterator[AccessFile]:
    with tempfile.TemporaryDirectory(prefix="flame-interop-") as folder:
        yield AccessFile(Path(folder))


def _bearer(token: str) -> flight.FlightCallOptions:
    return options(headers=[(b"authorization", b"Bearer " + token.encode())])


def _get(client: flight.FlightClient, key: str, call_options: flight.FlightCallOptions) -> list:
    return client.do_get(flight.Ticket(key.encode()), call_options).read_all().to_pylist()


def _is_refused(client: flight.FlightClient, call_options: flight.FlightCallOptions) -> bool:
    try:
        _get(client, "app/s/x", call_options)
        return False
    except flight.FlightUnauthenticatedError:
        return True


def _delete(client: flight.FlightClient, name: str, call_options: flight.FlightCallOptions) -> list[bytes]:
    results = client.do_action(flight.Action("DELETE", name.encode()), call_options)
    return [result.body.to_pybytes() for result in results]


def _put(client: flight.FlightClient, key: str, value: bytes, call_options: flight.FlightCallOptions) -> None:
    writer, reader = client.do_put(path(key), SENT, call_options)
    with writer:
        writer.write_batch(rows(value))
        writer.done_writing()
        assert reader.read() is not None


def case_a_bearer_token_in_the_headers_of_a_call_decides_what_it_may_do(_cache):
    with _access() as access:
        owner = _bearer(access.create("owner", "--allow", "all", "--on", "*"))
        reader = _bearer(access.create("reader", "--allow", "get,list", "--on", "app/*"))
        with Server(None, "grpc://127.0.0.1:0", "--access-file", str(access.path), "--require-auth") as server:
            client = server.cache.client
            _put(client, "app/s/x", b"value", owner)
            _put(client, "other/s/x", b"value", owner)
            assert len(_get(client, "app/s/x", reader)) == 1
            with refused("PERMISSION_DENIED"):
                _get(client, "other/s/x", reader)
            with refused("PERMISSION_DENIED"):
                _get(client, "other/s/never-there", reader)
            with refused("PERMISSION_DENIED"):
                _put(client, "app/s/x", b"other", reader)
            with refused("PERMISSION_DENIED"):
                _delete(client, "app/s/x", reader)
            assert len(list(client.list_flights(b"", owner))) == 2
            assert len(list(client.list_flights(b"", reader))) == 1
            assert _delete(client, "app/s/x", owner) == [b"OK"]


def case_wrong_and_absent_tokens_are_unauthenticated(_cache):
    with _access() as access:
        access.create("owner", "--allow", "all", "--on", "*")
        with Server(None, "grpc://127.0.0.1:0", "--access-file", str(access.path)) as server:
            for call_options in (options(), _bearer("flame_wrong"), _bearer("x")):
                with refused("UNAUTHENTICATED"):
                    _get(server.cache.client, "app/s/x", call_options)


def case_authenticate_basic_token_gives_a_token_for_later_calls(_cache):
    with _access() as access:
        rules = ("--allow", "get,put", "--on", "${identity}/*")
        access.token("password", "--identity", "ann", *rules, stdin="correct horse: battery\n")
        with Server(None, "grpc://127.0.0.1:0", "--access-file", str(access.path)) as server:
            client = server.cache.client
            for name, password in (("ann", "wrong"), ("nobody", "correct horse: battery")):
                with refused("UNAUTHENTICATED", about=name):
                    client.authenticate_basic_token(name, password, options())
            header = client.authenticate_basic_token("ann", "correct horse: battery", options())
            assert header[0] == b"authorization" and header[1].startswith(b"Bearer flame_"), header
            signed_in = options(headers=[header])
            _put(client, "ann/s/x", b"value", signed_in)
            assert len(_get(client, "ann/s/x", signed_in)) == 1
            with refused("PERMISSION_DENIED"):
                _get(client, "bob/s/x", signed_in)
            assert "correct horse" not in server.log() and header[1].decode() not in server.log()


def case_a_revoked_token_is_refused_while_the_server_runs(_cache):
    with _access() as access:
        owner = access.create("owner", "--allow", "all", "--on", "*")
        with Server(None, "grpc://127.0.0.1:0", "--access-file", str(access.path)) as server:
            client = server.cache.client
            _put(client, "app/s/x", b"value", _bearer(owner))
            second = access.create("owner")
            first, _ = map(json.loads, access.token("list", "--json").splitlines())
            access.token("revoke", first["id"])
            eventually("the token is revoked", lambda: _is_refused(client, _bearer(owner)))
            assert len(_get(client, "app/s/x", _bearer(second))) == 1


def case_without_an_access_file_calls_with_credentials_are_served(_cache):
    with Server(None) as server:
        client = server.cache.client
        put_value(client, "app/s/x", b"value")
        assert value_of(client, "app/s/x") == b"value"
        assert len(_get(client, "app/s/x", _bearer("flame_any"))) == 1
        assert len(flights(client, "")) == 1
