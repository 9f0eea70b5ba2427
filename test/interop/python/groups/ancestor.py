"""A data directory of the Rust ancestor (docs/storage-format.md, "Directories of the Rust cache"),
as test/golden/make_ancestor.py makes one, served as it is."""

import hashlib
import json
import shutil
from pathlib import Path

import pyarrow as pa

from support.calls import act_json, delete, flights, get, info, patch, put, ref_of
from support.cases import each
from support.expect import refused
from support.files import drop
from support.opaque import patch_value, put_value, three_field_rows, two_field_rows, value_of
from support.server import Server, storage_directory

STORAGES = ("own",)

GOLDEN = Path(__file__).parents[3] / "golden"
OBJECTS = json.loads((GOLDEN / "ancestor.json").read_text())
OPAQUES = {key: [(version, text.encode()) for version, text, _ in facts["rows"]] for key, facts in OBJECTS.items() if facts["kind"] == "opaque"}
TABLES = {key: facts for key, facts in OBJECTS.items() if facts["kind"] == "table"}


def _copied(storage) -> None:
    shutil.copytree(GOLDEN / "ancestor", storage, dirs_exist_ok=True)


def _digest(storage) -> dict[str, str]:
    """Every file of others: the cache's own begin with a dot."""
    files = sorted(path for path in Path(storage).rglob("*") if path.is_file())
    names = {str(path.relative_to(storage)): path for path in files}
    return {
        name: hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in names.items()
        if not any(part.startswith(".") for part in Path(name).parts)
    }


def _opaques_are_served(client) -> None:
    for key, rows in OPAQUES.items():
        assert two_field_rows(get(client, key)) == rows, key
        kinds = ["base"] + ["patch"] * (len(rows) - 1)
        whole = [(version, kind, data) for (version, data), kind in zip(rows, kinds)]
        base, latest = rows[0][0], rows[-1][0]
        assert three_field_rows(get(client, f"{key}:0")) == whole, key
        assert three_field_rows(get(client, f"{key}:{latest}")) == [], key
        assert three_field_rows(get(client, f"{key}:{latest + 1}")) == whole, key
        if latest > base:
            assert three_field_rows(get(client, f"{key}:{base}")) == whole[1:], key
        assert ref_of(info(client, key)).version == latest, key


def _tables_are_served(client) -> None:
    for key, facts in TABLES.items():
        plain, versioned = get(client, key), get(client, f"{key}:0")
        for reply in (plain, versioned):
            reply.table().validate(full=True)
            assert reply.column("n") == facts["n"], key
        metadata = versioned.schema.metadata
        assert int(metadata[b"flame.cache.version"]) == facts["version"], key
        assert (metadata[b"flame.cache.logical_type"], metadata[b"mine"]) == (b"pyarrow.table", b"kept"), key
        assert int(plain.schema.metadata[b"flame.cache.version"]) == facts["base"], key
        assert get(client, f"{key}:{facts['version']}").batches == [], key


def case_is_served_whole_by_both_kinds_of_ticket_before_and_after_a_restart(_cache):
    with storage_directory() as storage:
        _copied(storage)
        before = _digest(storage)
        for _ in range(2):
            with Server(storage) as server:
                client = server.cache.client
                listed = {ref_of(flight).key: ref_of(flight).version for flight in flights(client, "")}
                assert listed.keys() == OBJECTS.keys()
                _opaques_are_served(client)
                _tables_are_served(client)
                assert server.stop() == 0
                assert "quarantine" not in server.log(), server.log()
        assert _digest(storage) == before
        assert not (storage / ".quarantine").exists()


def case_takes_patches_and_keeps_counting(_cache):
    with storage_directory() as storage:
        _copied(storage)
        with Server(storage) as server:
            client = server.cache.client
            rows = OPAQUES["team/jobs/patched"]
            assert patch_value(client, "team/jobs/patched", b"of ours").version == rows[-1][0] + 1
            extra = pa.record_batch([pa.array([7], pa.int64()), pa.array(["x"])], get(client, "team/tables/table").schema)
            assert patch(client, "team/tables/table", [extra]).version == 15
            assert server.stop() == 0
        assert not (storage / "team/jobs/patched.deltas").exists()
        assert not (storage / "team/tables/table.deltas").exists()
        pa.ipc.open_file((storage / "team/tables/table.arrow").read_bytes()).read_all().validate(full=True)
        with Server(storage) as server:
            client = server.cache.client
            assert two_field_rows(get(client, "team/jobs/patched")) == [*rows, (rows[-1][0] + 1, b"of ours")]
            assert three_field_rows(get(client, f"team/jobs/patched:{rows[-1][0]}")) == [(rows[-1][0] + 1, "patch", b"of ours")]
            reply = get(client, "team/tables/table:0")
            assert reply.column("n") == [*TABLES["team/tables/table"]["n"], 7]
            assert int(reply.schema.metadata[b"flame.cache.version"]) == 15


def case_takes_puts_updates_and_deletes(_cache):
    with storage_directory() as storage:
        _copied(storage)
        with Server(storage) as server:
            client = server.cache.client
            assert put_value(client, "team/jobs/patched", b"new").version == 7
            assert act_json(client, "UPDATE", "team/jobs/zeros", b"new")["version"] == 5
            delete(client, "team/jobs/leftovers")
            delete(client, "team/tables")
            assert server.stop() == 0
        gone = [f"team/jobs/{name}.deltas" for name in ("patched", "zeros", "leftovers")] + ["team/tables"]
        assert not [name for name in gone if (storage / name).exists()]
        with Server(storage) as server:
            client = server.cache.client
            assert two_field_rows(get(client, "team/jobs/patched")) == [(7, b"new")]
            assert two_field_rows(get(client, "team/jobs/zeros")) == [(5, b"new")]
            with refused("OBJECT_NOT_FOUND"):
                get(client, "team/jobs/leftovers")
            assert put_value(client, "team/jobs/leftovers", b"again").version > 6


UNREADABLE = {"text": b"not an Arrow file", "zeros": bytes(5000), "magic": b"ARROW1\0\0ARROW1", "long": b"ARROW1" * 1000}


@each(UNREADABLE)
def case_keeps_a_file_that_nobody_can_read_such_as(_cache, content):
    with storage_directory() as storage:
        _copied(storage)
        drop(storage / "team/jobs/odd.arrow", content)
        with Server(storage) as server:
            with refused("OBJECT_CORRUPT"):
                get(server.cache.client, "team/jobs/odd")
            _opaques_are_served(server.cache.client)
            assert put_value(server.cache.client, "team/jobs/fresh", b"new").version == 1
            assert server.stop() == 0
            assert server.log().count("stays where it is") == 1, server.log()
        assert (storage / "team/jobs/odd.arrow").read_bytes() == content
        with Server(storage) as server:
            put_value(server.cache.client, "team/jobs/odd", b"whole")
            assert value_of(server.cache.client, "team/jobs/odd") == b"whole"


def case_has_tables_put_over_values_and_values_over_tables(_cache):
    with storage_directory() as storage:
        _copied(storage)
        with Server(storage) as server:
            client = server.cache.client
            batch = pa.record_batch({"x": [1, 2]})
            assert put(client, "team/jobs/patched", [batch]).version == 7
            assert get(client, "team/jobs/patched").column("x") == [1, 2]
            assert put_value(client, "team/tables/table", b"value").version == 15
            assert value_of(client, "team/tables/table") == b"value"
