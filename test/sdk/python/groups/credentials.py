"""Credentials of the client: a token from an argument, the environment or a file, client
certificates, which endpoints get them, and refusals of the server.
"""

import os
import pickle
import tempfile
import traceback
import warnings
from contextlib import contextmanager
from pathlib import Path

from certificates import certificate
from sdk import fails, settings
from servers import GuardedServer, recording
from support.cases import each

import flame_object_cache
from flame_object_cache import AsyncFlameCache, FlameCache, FlameError, FlameSecurityWarning, ObjectRef
from flame_object_cache import InvalidConfig, PermissionDenied, Unauthenticated, Unreachable
from flame_object_cache import security_warnings
from flame_object_cache.config import load_config
from flame_object_cache.connection import Connection
from flame_object_cache.credentials import Credentials, Secret

STORAGES = ("own",)
SECRET = "s3cret-and-long"


@contextmanager
def directory():
    with tempfile.TemporaryDirectory() as path:
        yield Path(path)


@contextmanager
def guarded(*arguments):
    with GuardedServer(*arguments) as server:
        yield server


def _secret(path: Path, text: str, mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def _sent(server, call=lambda client: client.list("a"), **arguments):
    """The `authorization` of one call to a recording server."""
    del server.seen[:]
    try:
        with FlameCache(**arguments) as client:
            call(client)
    except FlameError:
        pass
    return server.seen[-1][1]


def case_come_from_the_argument_the_environment_or_flame_yaml(_cache):
    with recording() as server, directory() as home:
        for name in ("argument", "variable", "listed"):
            _secret(home / name, f"{name}\n")
        (home / "flame.yaml").write_text("clusters: [{name: a, cache: {token_file: listed}}]")
        before = os.environ.get("FLAME_HOME")
        os.environ["FLAME_HOME"] = str(home)
        try:
            with settings(endpoint=server.endpoint):
                assert _sent(server) == "Bearer listed"
                assert _sent(server, token_file=str(home / "argument")) == "Bearer argument"
                assert _sent(server, token="text", token_file=str(home / "argument")) == "Bearer text"
            with settings(endpoint=server.endpoint, token_file=str(home / "variable")):
                assert _sent(server) == "Bearer variable"
                assert _sent(server, token="text") == "Bearer text"
            with settings(endpoint=server.endpoint, token=" text\n", token_file=str(home / "variable")):
                assert _sent(server) == "Bearer text"
                assert _sent(server, token_file=str(home / "argument")) == "Bearer argument"
                del server.seen[:]
                try:
                    flame_object_cache.list_objects("a")
                except FlameError:
                    pass
                assert server.seen[-1][1] == "Bearer text"
        finally:
            os.environ.pop("FLAME_HOME")
            if before is not None:
                os.environ["FLAME_HOME"] = before


def _load(home: Path, text: str, **env: str):
    (home / "flame.yaml").write_text(text)
    return load_config({"HOME": str(home), "FLAME_HOME": str(home), **env})


def case_of_flame_yaml_are_only_for_the_endpoint_of_flame_yaml(_cache):
    text = "clusters: [{name: a, cache: {endpoint: 'grpcs://h', token_file: t, client_cert_file: c, client_key_file: k}}]"
    with directory() as home:
        listed = Credentials(None, *(str(home / name) for name in "tck"))
        assert _load(home, text).credentials == listed
        assert _load(home, text, FLAME_CACHE_ENDPOINT="grpc+tls://h:9090").credentials == listed
        elsewhere = _load(home, text, FLAME_CACHE_ENDPOINT="grpcs://other", FLAME_CACHE_CLIENT_CERT="/x")
        assert elsewhere.credentials == Credentials(cert_file="/x")
        open_text = text.replace("endpoint: 'grpcs://h', ", "")
        assert _load(home, open_text, FLAME_CACHE_ENDPOINT="grpcs://other").credentials == listed
        assert _load(home, text.replace("'grpcs://h'", "x"), FLAME_CACHE_ENDPOINT="grpcs://h").credentials == Credentials()
        assert _load(home, "clusters: [{name: a, cache: {token: t}}]").credentials == Credentials()


def case_of_a_file_are_read_again_when_it_changes(_cache):
    with settings(), recording() as server, directory() as home:
        path = Path(_secret(home / "token", "first\n"))
        with FlameCache(server.endpoint, token_file=str(path)) as client:

            def sent():
                for call in (lambda: client.list("a"), lambda: client.get("a/s/o")):
                    try:
                        call()
                    except FlameError:
                        pass
                return {authorization for _, authorization in server.seen[-2:]}

            assert sent() == {"Bearer first"}
            path.write_text("again\n")
            assert sent() == {"Bearer again"}
            Path(_secret(home / "new", "third")).rename(path)
            assert sent() == {"Bearer third"}
            path.unlink()  # as during a rotation
            assert sent() == {"Bearer third"}
            _secret(path, "a b")
            assert sent() == {"Bearer third"}
            path.write_text("fourth")
            assert sent() == {"Bearer fourth"}


def case_of_a_file_are_not_read_again_while_it_is_the_same(_cache):
    with settings(), recording() as server, directory() as home:
        path = Path(_secret(home / "token", "first"))
        os.utime(path, (1_700_000_000, 1_700_000_000))
        with FlameCache(server.endpoint, token_file=str(path)) as client:
            path.write_text("other")
            os.utime(path, (1_700_000_000, 1_700_000_000))
            try:
                client.list("a")
            except FlameError:
                pass
            assert server.seen[-1][1] == "Bearer first"


WRONG = {"nothing": "", "a space": f"{SECRET} x", "two lines": f"{SECRET}\nx", "too much": f"{SECRET}{'x' * 8192}"}


@each(WRONG)
def case_that_are_wrong_are_refused_without_being_shown(_cache, text):
    with directory() as home:
        path = _secret(home / "token", text)
        with settings(), fails(InvalidConfig, "INVALID_CONFIG") as caught:
            FlameCache(token_file=path)
        assert path in str(caught[0]) and SECRET not in _shown(caught[0])
        with settings(), fails(InvalidConfig, "INVALID_CONFIG") as caught:
            FlameCache(token=text)
        assert SECRET not in _shown(caught[0])


def case_that_cannot_be_read_are_refused_with_their_path(_cache):
    with settings(), fails(InvalidConfig, "INVALID_CONFIG") as caught:
        FlameCache(token_file="/no/such/token")
    assert "cache.token_file cannot be read" in str(caught[0]) and "/no/such/token" in str(caught[0])


def _shown(error: BaseException) -> str:
    """The traceback with the values of all variables in the client's own frames."""
    lines = []
    seen = error
    while seen is not None:
        summary = traceback.TracebackException.from_exception(seen, capture_locals=True)
        frames = [frame for frame in summary.stack if "/flame_object_cache/" in frame.filename]
        lines += [str(frame.locals) for frame in frames] + [repr(seen), str(seen)]
        seen = seen.__cause__ or seen.__context__
    return "\n".join(lines)


CLIENTS = {"argument": ({"token": SECRET}, {}), "variable": ({}, {"token": SECRET}), "file": ({}, {})}


@each(CLIENTS)
def case_are_in_no_repr_log_or_traceback(_cache, entry):
    arguments, variables = entry
    with directory() as home, guarded() as server, settings(endpoint=server.endpoint, **variables):
        named = dict(arguments) if arguments or variables else {"token_file": _secret(home / "t", SECRET)}
        for make in (FlameCache, AsyncFlameCache):
            client = make(**named)
            shown = repr(client) + repr(vars(client)) + repr(vars(getattr(client, "_cache", client)))
            assert SECRET not in shown, shown
        with FlameCache(**named) as client:
            for call in (lambda: client.list("a"), lambda: client.put("a/s", 1), lambda: client.get("a/s/o")):
                with fails(Unauthenticated, "UNAUTHENTICATED") as caught:
                    call()
                assert SECRET not in _shown(caught[0])
            server.tokens = {f"Bearer {SECRET}"}
            assert client.list("a") == []


def case_cannot_be_pickled(_cache):
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        try:
            pickle.dumps(Secret(SECRET), protocol)
        except TypeError:
            continue
        raise AssertionError("a secret was pickled")


REFUSALS = {"the cache": "[UNAUTHENTICATED] no token", "another server": "no token"}


@each(REFUSALS)
def case_that_are_refused_raise_unauthenticated_once_by(_cache, text):
    with settings(), guarded() as server, FlameCache(server.endpoint, token="wrong") as client:
        server.tokens, server.refusal = {"Bearer right"}, text
        with fails(Unauthenticated, "UNAUTHENTICATED") as caught:
            client.list("a")
        assert "no token" in caught[0].text and not caught[0].retryable and server.calls == 1


def case_without_permission_raise_permission_denied_once(_cache):
    with settings(), guarded() as server, FlameCache(server.endpoint) as client:
        with fails(PermissionDenied, "PERMISSION_DENIED") as caught:
            client.get("a/s/o")
        assert '"worker" may not get here' in caught[0].text
        assert not caught[0].retryable and server.calls == 1


def case_are_not_sent_to_an_endpoint_without_tls_that_a_server_with_tls_names(_cache):
    with settings():
        client = FlameCache("grpcs://h:1", token=SECRET)
        client._learn(client._config(), ObjectRef("grpc://h:2", "a/s/o"))
        client._learn(client._config(), ObjectRef("grpcs://h:3", "a/s/o"))
        has_token = lambda endpoint: client._config_for(endpoint).credentials.has_token
        assert [has_token(f"grpcs://h:{port}") for port in (1, 2, 3)] == [True, False, True]
        assert not has_token("grpc://h:2") and not has_token("grpc://h:1")


def _warnings(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
    return [warning for warning in caught if warning.category is FlameSecurityWarning]


def case_warn_once_of_another_host_without_tls(_cache):
    security_warnings._given.clear()
    with settings():
        token = Credentials(Secret(SECRET))
        (warning,) = _warnings(lambda: [Connection("grpc://192.0.2.1:1", None, 1, token) for _ in range(2)])
        assert "grpc://192.0.2.1:1 without TLS" in str(warning.message) and SECRET not in str(warning.message)
        for endpoint, credentials in (
            ("grpc+tls://192.0.2.2:1", token),
            ("grpc://127.0.0.1:1", token),
            ("grpc://192.0.2.3:1", Credentials()),
        ):
            assert _warnings(lambda: Connection(endpoint, None, 1, credentials)) == []


def case_are_not_sent_if_that_warning_is_an_error(_cache):
    security_warnings._given.clear()
    with settings(), FlameCache("grpc://192.0.2.4:1", token=SECRET, timeout=1) as client:
        for _ in range(2):
            with warnings.catch_warnings():
                warnings.simplefilter("error", FlameSecurityWarning)
                try:
                    client.list("a")
                except FlameSecurityWarning:
                    continue
            raise AssertionError("the call was made")


def case_warn_once_of_a_file_that_every_user_can_read(_cache):
    security_warnings._given.clear()
    with settings(), directory() as home:
        path = _secret(home / "open", SECRET, 0o644)
        (warning,) = _warnings(lambda: [FlameCache(token_file=path) for _ in range(2)])
        assert str(warning.message).endswith(f"chmod o-r {path}") and warning.filename == __file__
        closed = _secret(home / "closed", SECRET, 0o640)
        assert _warnings(lambda: FlameCache(token_file=closed)) == []


def case_by_certificate_are_accepted_by_a_server_that_requires_one(_cache):
    with directory() as home:
        own, mine = certificate(str(home), "server"), certificate(str(home), "client")
        with guarded(own, mine[0]) as server:
            with settings(endpoint=server.endpoint, ca_file=own[0]):
                with FlameCache(client_cert_file=mine[0], client_key_file=mine[1]) as client:
                    assert client.list("a") == []
                with FlameCache(timeout=5) as client, fails(Unreachable, "UNREACHABLE"):
                    client.list("a")
                with FlameCache(timeout=5, client_cert_file=own[0], client_key_file=own[1]) as client:
                    with fails(Unreachable, "UNREACHABLE"):
                        client.list("a")
            with settings(endpoint=server.endpoint, ca_file=own[0], client_cert=mine[0], client_key=mine[1]):
                assert flame_object_cache.list_objects("a") == []
                server.tokens = {f"Bearer {SECRET}"}
                assert FlameCache(token=SECRET).list("a") == []


def case_by_certificate_are_not_given_to_an_endpoint_that_only_a_reference_names(_cache):
    with directory() as home, settings():
        own, mine = certificate(str(home), "server"), certificate(str(home), "client")
        with guarded(own, mine[0]) as server:
            arguments = {"ca_file": own[0], "client_cert_file": mine[0], "client_key_file": mine[1]}
            with FlameCache("grpcs://127.0.0.1:1", timeout=5, **arguments) as client:
                with fails(Unreachable, "UNREACHABLE"):
                    client.stat(ObjectRef(server.endpoint, "a/s/o"))
            assert server.calls == 0


def case_by_certificate_are_checked_when_the_client_is_made(_cache):
    with directory() as home, settings():
        own, mine = certificate(str(home), "server"), certificate(str(home), "client")
        _secret(home / "text", "no PEM")
        for pair, reason in (
            ((mine[0], None), "cache.client_key_file must be set as well"),
            ((None, mine[1]), "cache.client_cert_file must be set as well"),
            ((mine[0], "/no/such.key"), "cache.client_key_file cannot be read"),
            ((str(home / "text"), mine[1]), "cache.client_cert_file must be PEM"),
            ((mine[0], own[1]), "must be a certificate and its key without a passphrase"),
        ):
            with fails(InvalidConfig, "INVALID_CONFIG") as caught:
                FlameCache("grpcs://h", client_cert_file=pair[0], client_key_file=pair[1])
            assert reason in str(caught[0]), caught[0]
