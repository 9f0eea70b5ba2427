"""FlameCache: every method, key text for references, settings of its own, the timeout, the token,
and the end of a client.
"""

import io
import os
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
from sdk import fails, settings
from servers import recording, silent
from support.cases import each

import flame_object_cache
from flame_object_cache import FlameCache, FlameError, ObjectKey, ObjectNotFound, ObjectRef

STORAGES = ("files", "none")


def case_put_get_update_patch_list_and_delete(cache):
    with settings(), FlameCache(cache.endpoint) as client:
        prefix = cache.prefix()
        ref = client.put(prefix, [1])
        assert (client.get(ref), client.endpoint) == ([1], cache.endpoint)
        assert client.patch(ref, [2]).version == 2
        assert client.get(ref, lambda base, patches: (base, patches)) == ([1], [[2]])
        assert client.update(ref, "new").version == 3 and client.get(ref) == "new"
        assert [found.key for found in client.list(prefix)] == [ref.key]
        client.delete(ref)
        assert client.list(prefix) == [] and not client.exists(ref)


def case_take_the_text_of_a_key_or_a_key_for_a_reference(cache):
    with (
        settings(),
        FlameCache(cache.endpoint) as client,
        tempfile.TemporaryDirectory() as directory,
    ):
        for key in (cache.key(), ObjectKey.parse(cache.key())):
            ref = client.put(key, 1)
            assert ref.key == str(key) and client.stat(key).ref == ref
            assert client.get(key) == 1 and client.exists(key)
            client.update(key, 2)
            client.patch(key, 3)
            assert client.get(key, lambda base, patches: [base, *patches]) == [2, 3]
            client.pin(key)
            client.unpin(key)
            client.expire(key, 60)
            assert client.renew(key) is not None
            client.upload(key, io.BytesIO(b"bytes"))
            client.download(key, Path(directory, "file"))
            assert Path(directory, "file").read_bytes() == b"bytes"
            client.delete(key)
            assert not client.exists(key)


NO_KEYS = {"a prefix": "a/s", "too many": "a/s/o/x", "nothing": "", "a hidden name": "a/.s/o"}


@each(NO_KEYS)
def case_refuse_as_a_key(cache, text):
    with settings(), FlameCache(cache.endpoint) as client:
        for call in (
            client.get,
            client.stat,
            client.exists,
            client.renew,
            lambda key: client.update(key, 1),
        ):
            with fails(flame_object_cache.InvalidKey, "INVALID_KEY"):
                call(text)


def case_stat_tables_and_values(cache):
    with settings(), FlameCache(cache.endpoint) as client:
        table = client.put(cache.prefix(), pa.table({"n": pa.array([1, 2, 3], pa.int64())}))
        info = client.stat(table)
        assert (info.ref, info.key, info.version, info.rows, info.kind) == (
            table,
            table.key,
            1,
            3,
            "table",
        )
        assert info.schema.names == ["n"] and info.size_bytes >= 24 and info.expires_at is None
        value = client.put(cache.prefix(), b"12345")
        assert [getattr(client.stat(value), name) for name in ("kind", "rows", "size_bytes")] == [
            "opaque",
            1,
            9,
        ]
        client.patch(value, b"1")
        assert [
            getattr(client.stat(value), name) for name in ("version", "rows", "size_bytes")
        ] == [2, 2, 14]
        with fails(ObjectNotFound, "OBJECT_NOT_FOUND"):
            client.stat(cache.key())


def case_expire_and_renew(cache):
    with settings(), FlameCache(cache.endpoint) as client:
        before = datetime.now(timezone.utc)
        ref = client.put(cache.prefix(), 1, ttl_seconds=3600)
        first = client.stat(ref).expires_at
        assert timedelta(seconds=3590) < first - before < timedelta(seconds=3700)
        assert client.renew(ref) >= first
        later = before + timedelta(days=2, microseconds=1)
        assert abs(client.renew(ref, until=later) - later) < timedelta(seconds=1)
        client.expire(ref, None)
        assert client.stat(ref).expires_at is None and client.renew(ref) is None
        client.expire(ref.key.rpartition("/")[0], 0.001)
        with fails(FlameError, "INVALID_REQUEST"):
            client.renew(ref, until=datetime(2100, 1, 1))
        with fails(ObjectNotFound, "OBJECT_NOT_FOUND"):
            client.expire(cache.key(), 5)
        with fails(ObjectNotFound, "OBJECT_NOT_FOUND"):
            client.renew(cache.key())


def case_go_before_the_environment(cache):
    with settings(endpoint="grpc://127.0.0.1:1", allow_pickle="1"):
        client = FlameCache(cache.endpoint, allow_pickle=False)
        ref = client.put(cache.prefix(), {1, 2})
        with fails(flame_object_cache.PickleRefused, "UNREADABLE_VALUE"):
            client.get(ref)
        assert client.get(ref, allow_pickle=True) == {1, 2}
        assert FlameCache().endpoint == "grpc://127.0.0.1:1"


WRONG = {
    "an endpoint of another kind": {"endpoint": "http://host:1"},
    "no time": {"timeout": 0},
    "time that is no number": {"timeout": "5"},
    "time without end": {"timeout": float("inf")},
    "an empty token": {"token": ""},
    "a token of two lines": {"token": "a\r\nflame-durability: restart"},
    "a token beyond ASCII": {"token": "ü"},
    "a token that is too long": {"token": "x" * 8193},
}


@each(WRONG)
def case_refuse_settings(_cache, wrong):
    with settings(), fails(flame_object_cache.InvalidConfig, "INVALID_CONFIG") as caught:
        FlameCache(**wrong)
    assert next(iter(wrong)) in str(caught[0]) and "durability" not in str(caught[0])


def case_that_are_closed_make_no_calls_while_others_do(cache):
    with settings(endpoint=cache.endpoint):
        with FlameCache() as client, FlameCache() as other:
            ref = client.put(cache.prefix(), 1)
            client.close()
            for call in (client.get, client.exists, client.delete):
                with fails(FlameError, "CANCELLED"):
                    call(ref)
            assert other.get(ref) == 1 and flame_object_cache.get_object(ref) == 1


def case_close_their_connections(cache):
    def sockets() -> int:
        links = (os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd"))
        return sum(
            os.readlink(link).startswith("socket:") for link in links if os.path.lexists(link)
        )

    with settings(endpoint=cache.endpoint):
        flame_object_cache.list_objects(cache.prefix())
        before = sockets()
        for _ in range(50):
            with FlameCache() as client:
                client.list(cache.prefix())
        assert sockets() <= before + 5


CALLS = {
    "put": lambda client: client.put("a/s", 1),
    "get": lambda client: client.get("a/s/o"),
    "get over gRPC": lambda client: client.get("a/s/o", zero_copy=False),
    "update": lambda client: client.update("a/s/o", 1),
    "patch": lambda client: client.patch("a/s/o", 1),
    "stat": lambda client: client.stat("a/s/o"),
    "exists": lambda client: client.exists("a/s/o"),
    "list": lambda client: client.list("a"),
    "delete": lambda client: client.delete("a/s"),
    "pin": lambda client: client.pin("a/s"),
    "unpin": lambda client: client.unpin("a/s"),
    "expire": lambda client: client.expire("a/s", 1),
    "renew": lambda client: client.renew("a/s/o"),
    "upload": lambda client: client.upload("a/s", io.BytesIO(b"x")),
    "download": lambda client: client.download("a/s/o", io.BytesIO()),
}


def _failing(call, client) -> None:
    try:
        call(client)
    except FlameError:
        return
    raise AssertionError("it was answered")


@each(CALLS)
def case_send_their_token_with(_cache, call):
    with settings(), recording() as server, FlameCache(server.endpoint, token="secret") as client:
        _failing(call, client)
        assert server.seen and {authorization for _, authorization in server.seen} == {
            "Bearer secret"
        }


def case_send_no_token_where_none_is_set(_cache):
    with settings(), recording() as server, FlameCache(server.endpoint) as client:
        _failing(CALLS["list"], client)
        assert server.seen[0] == ("LIST_FLIGHTS", None)


def case_send_their_token_to_no_endpoint_that_only_a_reference_names(_cache):
    with (
        settings(),
        recording() as mine,
        recording() as strange,
        FlameCache(mine.endpoint, token="secret") as client,
    ):
        ref = ObjectRef(strange.endpoint, "a/s/o")
        for call in (client.get, client.stat, client.delete, lambda ref: client.patch(ref, 1)):
            _failing(lambda _: call(ref), client)
        assert len(strange.seen) >= 4 and {authorization for _, authorization in strange.seen} == {
            None
        }
        assert mine.seen == []


def case_send_their_token_to_an_endpoint_that_their_server_names(_cache):
    with (
        settings(),
        recording() as mine,
        recording() as advertised,
        FlameCache(mine.endpoint, token="secret") as client,
    ):
        mine.ref = ObjectRef(advertised.endpoint, "a/s/o", 1).encode()
        ref = client.put("a/s", 1)
        _failing(lambda _: client.get(ref), client)
        assert {authorization for _, authorization in advertised.seen} == {"Bearer secret"}


def case_keep_their_token_out_of_texts(_cache):
    with settings():
        client = FlameCache("grpc://127.0.0.1:1", token="secret", timeout=1)
        assert repr(client) == "FlameCache('grpc://127.0.0.1:1')" and "secret" not in repr(
            vars(client)
        )


@each(CALLS)
def case_end_at_their_timeout(_cache, call):
    with settings(), silent() as server, FlameCache(server.endpoint, timeout=0.2) as client:
        with fails(flame_object_cache.DeadlineExceeded, "DEADLINE_EXCEEDED"):
            call(client)
