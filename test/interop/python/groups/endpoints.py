"""Where the cache listens and what it advertises (docs/configuration.md): grpc, grpcs with a
certificate, an interface."""

import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pyarrow.flight as flight

from support.calls import get, info, put, ref_of
from support.cases import Skipped
from support.opaque import put_value, value_of
from support.server import Server, storage_directory
from support.tables import numbers

STORAGES = ("own",)


@contextmanager
def _certificate() -> Iterator[Path]:
    """A directory with cert.pem and key.pem for localhost and 127.0.0.1, and cache.yaml that names them."""
    if shutil.which("openssl") is None:
        raise Skipped("openssl is needed to make a certificate")
    with tempfile.TemporaryDirectory(prefix="flame-interop-") as name:
        folder = Path(name)
        command = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out cert.pem"
        names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        subprocess.run([*command.split(), *names], cwd=folder, check=True, capture_output=True)
        (folder / "cache.yaml").write_text(
            f"cache:\n  tls:\n    cert_file: {folder / 'cert.pem'}\n    key_file: {folder / 'key.pem'}\n"
        )
        yield folder


def case_with_tls_are_dialled_as_grpc_tls(_cache):
    with _certificate() as folder, storage_directory() as storage:
        with Server(storage, "grpcs://127.0.0.1:0", "--config", str(folder / "cache.yaml")) as server:
            address = server.cache.endpoint.rpartition("/")[2]
            certificate = (folder / "cert.pem").read_bytes()
            with flight.FlightClient(f"grpc+tls://{address}", tls_root_certs=certificate) as client:
                ref = put_value(client, "a/s/o", b"secret" * 1_000_000)
                assert ref.endpoint == f"grpc+tls://{address}"
                assert value_of(client, "a/s/o") == b"secret" * 1_000_000
                put(client, "a/s/t", [numbers(1000)] * 50)
                assert get(client, "a/s/t").table().num_rows == 50_000
                (endpoint,) = info(client, "a/s/o").endpoints
                with flight.FlightClient(endpoint.locations[0], tls_root_certs=certificate) as other:
                    assert value_of(other, "a/s/o") == b"secret" * 1_000_000
            assert server.stop() == 0


def case_with_tls_refuse_clients_that_speak_plainly_or_trust_nobody(_cache):
    with _certificate() as folder:
        with Server(None, "grpcs://127.0.0.1:0", "--config", str(folder / "cache.yaml")) as server:
            address = server.cache.endpoint.rpartition("/")[2]
            for client in (flight.connect(f"grpc://{address}"), flight.connect(f"grpc+tls://{address}")):
                try:
                    put_value(client, "a/s/o", b"v")
                except flight.FlightUnavailableError:
                    continue
                raise AssertionError("the call was answered")


def _openssl(folder: Path, command: str) -> None:
    subprocess.run(["openssl", *command.split()], cwd=folder, check=True, capture_output=True)


@contextmanager
def _client_certificates(policy: str) -> Iterator[Path]:
    """The same directory with client.pem and client.key, issued by the authority authority.pem, and with stranger.pem and
    stranger.key, which nobody trusts."""
    with _certificate() as folder:
        for name in ("authority", "stranger"):
            _openssl(
                folder, f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name} -keyout {name}.key -out {name}.pem"
            )
        _openssl(folder, "req -new -newkey rsa:2048 -nodes -subj /CN=worker-7 -keyout client.key -out client.csr")
        _openssl(
            folder,
            "x509 -req -in client.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 2 -out client.pem",
        )
        with (folder / "cache.yaml").open("a") as file:
            file.write(f"    client_ca_file: {folder / 'authority.pem'}\n    client_certificates: {policy}\n")
        yield folder


def _client(server: Server, folder: Path, name: str | None) -> flight.FlightClient:
    address = server.cache.endpoint.rpartition("/")[2]
    presented = {}
    if name is not None:
        presented["cert_chain"] = (folder / f"{name}.pem").read_bytes()
        presented["private_key"] = (folder / f"{name}.key").read_bytes()
    roots = (folder / "cert.pem").read_bytes()
    return flight.FlightClient(f"grpc+tls://{address}", tls_root_certs=roots, **presented)


def _is_served(client: flight.FlightClient) -> bool:
    with client:
        try:
            put_value(client, "a/s/o", b"v" * 100_000)
        except flight.FlightUnavailableError:
            return False
        return value_of(client, "a/s/o") == b"v" * 100_000


def case_with_client_certificates_serve_those_that_verify_and_no_others(_cache):
    with _client_certificates("required") as folder:
        with Server(None, "grpcs://127.0.0.1:0", "--config", str(folder / "cache.yaml")) as server:
            served = [_is_served(_client(server, folder, name)) for name in ("client", "stranger", None)]
            assert served == [True, False, False]


def case_with_optional_client_certificates_serve_clients_without_one_too(_cache):
    with _client_certificates("optional") as folder:
        with Server(None, "grpcs://127.0.0.1:0", "--config", str(folder / "cache.yaml")) as server:
            served = [_is_served(_client(server, folder, name)) for name in ("client", "stranger", None)]
            assert served == [True, False, True]


def case_with_an_access_file_know_callers_by_their_certificates(_cache):
    with _client_certificates("optional") as folder:
        access = folder / "access.yaml"
        access.write_text(
            "identities: [{name: worker, certificates: [CN=worker-7], rules: [{allow: [get, put], on: ['a/*']}]}]\n"
        )
        arguments = ["--config", str(folder / "cache.yaml"), "--access-file", str(access)]
        with Server(None, "grpcs://127.0.0.1:0", *arguments) as server:
            assert _is_served(_client(server, folder, "client"))
            with _client(server, folder, "client") as client:
                try:
                    put_value(client, "b/s/o", b"v")
                    raise AssertionError("the call was answered")
                except flight.FlightUnauthorizedError:
                    pass
            with _client(server, folder, None) as client:
                try:
                    put_value(client, "a/s/o", b"v")
                    raise AssertionError("the call was answered")
                except flight.FlightUnauthenticatedError:
                    pass


def case_on_every_interface_advertise_one_that_can_be_dialled(_cache):
    with Server(None, "grpc://0.0.0.0:0") as server:
        port = server.cache.endpoint.rpartition(":")[2]
        with flight.connect(f"grpc://127.0.0.1:{port}") as client:
            ref = put_value(client, "a/s/o", b"v")
            host = ref.endpoint.removeprefix("grpc://").rpartition(":")[0]
            assert host != "0.0.0.0"
            assert ref.endpoint.endswith(f":{port}")
            assert ref_of(info(client, "a/s/o")).endpoint == ref.endpoint
        with flight.connect(ref.endpoint) as client:
            assert value_of(client, "a/s/o") == b"v"


def case_of_a_named_interface_are_advertised(_cache):
    with Server(None, "grpc://0.0.0.0:0", "--network-interface", "^lo") as server:
        port = server.cache.endpoint.rpartition(":")[2]
        with flight.connect(f"grpc://127.0.0.1:{port}") as client:
            assert put_value(client, "a/s/o", b"v").endpoint == f"grpc://127.0.0.1:{port}"
