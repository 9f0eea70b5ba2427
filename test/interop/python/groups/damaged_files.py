"""Damaged files (docs/storage-format.md): DATA_LOSS to who asks, nobody else is disturbed."""

from groups.dictionaries import REPLACED
from support import files
from support.calls import flights, get, info, put, ref_of
from support.cases import each
from support.expect import refused, same_batches
from support.opaque import put_value, value_of
from support.server import Server, storage_directory
from support.tables import numbers

STORAGES = ("own",)
CAMPAIGN = True

DAMAGES = {
    function.__name__.replace("_", " "): function
    for function in (
        files.footer_of_ones,
        files.footer_of_zeros,
        files.footer_size_of_two_gigabytes,
        files.footer_size_below_zero,
        files.middle_cut_out,
    )
}


def _fill(storage) -> None:
    with Server(storage) as server:
        client = server.cache.client
        put_value(client, "a/s/opaque", b"value" * 100)
        put(client, "a/s/table", [numbers(100), numbers(50)])
        put_value(client, "a/s/good", b"good")
        put(client, "a/t/good", [numbers(7)])
        assert server.stop() == 0


def _others_are_served(client) -> None:
    assert value_of(client, "a/s/good") == b"good"
    same_batches(get(client, "a/t/good").batches, [numbers(7)])
    keys = {ref_of(item).key for item in flights(client, "")}
    assert {"a/s/good", "a/t/good"} <= keys, keys


@each(DAMAGES)
def case_do_not_stop_the_start_and_are_told_as_data_loss_with_a(_cache, damage):
    with storage_directory() as storage:
        _fill(storage)
        for name in ("a/s/opaque.arrow", "a/s/table.arrow"):
            path = storage / name
            path.write_bytes(damage(path.read_bytes()))
        with Server(storage) as server:
            client = server.cache.client
            with refused("OBJECT_CORRUPT"):
                get(client, "a/s/opaque")
            with refused("OBJECT_CORRUPT"):
                info(client, "a/s/table")
            _others_are_served(client)
            # What is damaged can be put again, and is then an object like any other.
            put_value(client, "a/s/opaque", b"again")
            assert value_of(client, "a/s/opaque") == b"again"
            assert server.stop() == 0
            assert "a/s/opaque" in server.log(), server.log()


def case_stay_out_of_the_list_after_the_scan(_cache):
    with storage_directory() as storage:
        _fill(storage)
        for path in (storage / "a/s/opaque.arrow", storage / "a/s/table.arrow"):
            path.write_bytes(files.footer_of_ones(path.read_bytes()))
        with Server(storage) as server:
            keys = sorted(ref_of(item).key for item in flights(server.cache.client, ""))
            assert keys == ["a/s/good", "a/t/good"]
            _others_are_served(server.cache.client)


def case_of_a_living_server_are_told_as_data_loss(_cache):
    with storage_directory() as storage, Server(storage) as server:
        client = server.cache.client
        put_value(client, "a/s/opaque", b"value" * 100_000)
        put_value(client, "a/s/good", b"good")
        put(client, "a/t/good", [numbers(7)])
        path = storage / "a/s/opaque.arrow"
        path.write_bytes(path.read_bytes()[:1000])
        with refused("OBJECT_CORRUPT", "OBJECT_NOT_FOUND"):
            get(client, "a/s/opaque")
        _others_are_served(client)


def case_of_streams_are_told_as_data_loss(_cache):
    with storage_directory() as storage:
        _fill(storage)
        with Server(storage) as server:
            put(server.cache.client, "a/s/stream", REPLACED)
            assert server.stop() == 0
        path = storage / "a/s/stream.arrows"
        path.write_bytes(files.footer_of_ones(path.read_bytes()))
        with Server(storage) as server:
            with refused("OBJECT_CORRUPT"):
                get(server.cache.client, "a/s/stream")
            _others_are_served(server.cache.client)


def case_that_are_no_arrow_files_at_all_are_passed_over(_cache):
    with storage_directory() as storage:
        _fill(storage)
        for name, content in {
            "text": b"hello",
            "zeros": bytes(5000),
            "magic": b"ARROW1\0\0ARROW1",
            "long": b"ARROW1" * 1000,
        }.items():
            files.drop(storage / "a/s" / f"{name}.arrow", content)
        with Server(storage) as server:
            for name in ("text", "zeros", "magic", "long"):
                with refused("OBJECT_CORRUPT", "OBJECT_NOT_FOUND", about=name):
                    get(server.cache.client, f"a/s/{name}")
            _others_are_served(server.cache.client)


def case_of_a_session_that_is_a_file_do_no_harm(_cache):
    with storage_directory() as storage:
        _fill(storage)
        files.drop(storage / "b", b"a file where an application would be")
        files.drop(storage / "c" / "s", b"a file where a session would be")
        with Server(storage) as server:
            for key in ("b/s/o", "c/s/o"):
                with refused("OBJECT_NOT_FOUND", about=key):
                    get(server.cache.client, key)
            _others_are_served(server.cache.client)
