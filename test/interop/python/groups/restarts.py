"""Restarts (docs/operations.md, "Start and stop"): what was answered is there again after SIGTERM
and SIGKILL, and stops are clean."""

from groups.app_metadata import put_with_metadata
from groups.dictionaries import REPLACED
from support.calls import act_json, delete, flights, get, info, options, patch, path, put, ref_of
from support.cases import each
from support.expect import eventually, refused, same_batches
from support.opaque import SENT, patch_value, put_value, rows, three_field_rows, two_field_rows, value_of
from support.server import Server, storage_directory
from support.tables import FLAME, numbers

STORAGES = ("own",)
CAMPAIGN = True

STOPS = {"SIGTERM": Server.stop, "SIGKILL": Server.kill}


@each(STOPS)
def case_keep_every_kind_of_object_over(_cache, stop):
    with storage_directory() as storage:
        with Server(storage) as server:
            client = server.cache.client
            put_value(client, "a/s/opaque", b"base")
            patch_value(client, "a/s/opaque", b"patch")
            put(client, "a/s/plain", [numbers(3), numbers(0)])
            patch(client, "a/s/plain", [numbers(5)])
            put(client, "a/s/flame", [numbers(2, FLAME)])
            put(client, "a/s/flame", [numbers(4, FLAME)])
            put(client, "a/s/stream", REPLACED)
            patch(client, "a/s/stream", REPLACED)
            put_with_metadata(client, path("a/s/noted"), [numbers(1), numbers(2)], [b"one", b"two"])
            put_with_metadata(client, path("a/s/stream-noted"), REPLACED, [b"1", b"2", b"3", b"4"])
            made = act_json(client, "PUT", "a/t", b"made")["key"]
            before = {
                item.endpoints[0].ticket.ticket: (ref_of(item).version, item.total_records)
                for item in flights(client, "")
            }
            stop(server)
        with Server(storage) as server:
            client = server.cache.client
            assert two_field_rows(get(client, "a/s/opaque")) == [(1, b"base"), (2, b"patch")]
            assert three_field_rows(get(client, "a/s/opaque:1")) == [(2, "patch", b"patch")]
            same_batches(get(client, "a/s/plain").batches, [numbers(3), numbers(0), numbers(5)])
            flame = get(client, "a/s/flame:0")
            assert int(flame.schema.metadata[b"flame.cache.version"]) == 2
            assert flame.schema.metadata[b"flame.cache.logical_type"] == b"pyarrow.table"
            same_batches(get(client, "a/s/stream").batches, [*REPLACED, *REPLACED])
            assert get(client, "a/s/noted").app_metadata == [b"one", b"two"]
            assert get(client, "a/s/stream-noted").app_metadata == [b"1", b"2", b"3", b"4"]
            assert value_of(client, made) == b"made"
            after = {
                item.endpoints[0].ticket.ticket: (ref_of(item).version, item.total_records)
                for item in flights(client, "")
            }
            assert after == before
            assert three_field_rows(get(client, "a/s/plain:2")) == []
            assert put_value(client, "a/s/opaque", b"new").version == 3


@each(STOPS)
def case_never_let_a_version_be_used_twice_over(_cache, stop):
    with storage_directory() as storage:
        last = 0
        for _ in range(3):
            with Server(storage) as server:
                client = server.cache.client
                version = put_value(client, "a/s/o", b"v").version
                assert version > last
                last = patch_value(client, "a/s/o", b"p").version
                delete(client, "a/s/o")
                stop(server)
        with Server(storage) as server:
            with refused("OBJECT_NOT_FOUND"):
                get(server.cache.client, "a/s/o")
            assert put_value(server.cache.client, "a/s/o", b"v").version > last


@each(STOPS)
def case_keep_deleted_objects_deleted_over(_cache, stop):
    with storage_directory() as storage:
        with Server(storage) as server:
            for key in ("a/s/o", "a/t/o", "b/s/o", "c/s/o"):
                put_value(server.cache.client, key, b"v")
            put(server.cache.client, "a/s/stream", REPLACED)
            for name in ("a/s/stream", "a/s", "b/*"):
                delete(server.cache.client, name)
            stop(server)
        with Server(storage) as server:
            keys = sorted(ref_of(item).key for item in flights(server.cache.client, ""))
            assert keys == ["a/t/o", "c/s/o"]


@each(STOPS)
def case_never_bring_back_what_was_replaced_over(_cache, stop):
    """A file after a stream and a stream after a file: the older of the two may not win."""
    puts = [[numbers(3)], REPLACED, [numbers(4)], REPLACED]
    with storage_directory() as storage:
        for version, (before, after) in enumerate(zip([[], *puts], [*puts, []])):
            with Server(storage) as server:
                client = server.cache.client
                if before:
                    same_batches(get(client, "a/s/o").batches, before)
                    assert ref_of(info(client, "a/s/o")).version == version
                if after:
                    assert put(client, "a/s/o", after).version == version + 1
                stop(server)


def case_answer_gets_before_anything_was_listed(_cache):
    with storage_directory() as storage:
        with Server(storage) as server:
            put_value(server.cache.client, "a/s/o", b"v")
        with Server(storage) as server:
            assert value_of(server.cache.client, "a/s/o") == b"v"


def case_by_sigterm_exit_with_0_and_one_line_of_output(_cache):
    with storage_directory() as storage, Server(storage) as server:
        put_value(server.cache.client, "a/s/o", b"v")
        assert server.stop() == 0
        assert server.output == f"listening on {server.cache.endpoint}\n"


def case_by_sigterm_let_an_upload_finish(_cache):
    with storage_directory() as storage:
        with Server(storage) as server:
            writer, reader = server.cache.client.do_put(path("a/s/o"), SENT, options())
            with writer:
                writer.write_batch(rows(b"before "))
                put_value(server.cache.client, "a/s/other", b"the upload has begun")
                server.ask_to_stop()
                eventually("new calls are refused", lambda: _is_refused(server.cache))
                writer.write_batch(rows(b"after"))
                writer.done_writing()
                assert reader.read() is not None
            assert server.wait() == 0
        with Server(storage) as server:
            assert value_of(server.cache.client, "a/s/o") == b"before after"


def _is_refused(cache) -> bool:
    try:
        with cache.new_client() as client:
            list(client.list_actions(options(timeout=5.0)))
    except Exception:  # noqa: BLE001  (a closed port and SHUTTING_DOWN are both refusals)
        return True
    return False


def case_without_storage_forget_everything_and_leave_no_file(_cache):
    with Server(None) as server:
        put_value(server.cache.client, "a/s/o", b"v")
        assert server.stop() == 0
    with Server(None) as server, refused("OBJECT_NOT_FOUND"):
        get(server.cache.client, "a/s/o")


def case_over_one_directory_are_not_two_servers_at_once(_cache):
    with storage_directory() as storage, Server(storage) as server:
        put_value(server.cache.client, "a/s/o", b"v")
        try:
            with Server(storage):
                pass
        except AssertionError:
            assert value_of(server.cache.client, "a/s/o") == b"v"
        else:
            raise AssertionError("a second server took the directory of a living one")
