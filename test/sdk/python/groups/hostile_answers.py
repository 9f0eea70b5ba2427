"""Malformed answers: each ends in a typed error or the right value, and never in a read outside the
received bytes.
"""

import struct
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, List

import pyarrow as pa
import pyarrow.flight as flight
from sdk import fails, location_of, settings
from support.cases import each, needs

import flame_object_cache
from flame_object_cache import ObjectRef, download_object, get_object, list_objects, local_files

STORAGES = ("own",)
KEY = "app/session/object"
ANSWER = pa.schema([("version", pa.uint64()), ("kind", pa.utf8()), ("data", pa.binary())])


class _Liar(flight.FlightServerBase):
    def __init__(self, table: pa.Table, locations: List[str], reference: bytes):
        super().__init__("grpc://127.0.0.1:0")
        self.table, self.locations, self.reference = table, locations, reference

    @property
    def endpoint(self) -> str:
        return f"grpc://127.0.0.1:{self.port}"

    def _info(self) -> flight.FlightInfo:
        places = [flight.FlightEndpoint(KEY, [])]
        # pyarrow 18 can attach nothing.
        attached = {"app_metadata": self.reference} if self.reference else {}
        return flight.FlightInfo(ANSWER, flight.FlightDescriptor.for_path(KEY), places, 1, 1, **attached)

    def get_flight_info(self, _context, _descriptor):
        return self._info()

    def list_flights(self, _context, _criteria):
        yield self._info()

    def do_get(self, _context, _ticket):
        if not self.locations:
            return flight.RecordBatchStream(self.table)
        located = ANSWER.with_metadata({"flame.cache.file": self.locations.pop(0), "flame.cache.version": "1"})
        return flight.RecordBatchStream(located.empty_table())

    def do_action(self, _context, _action):
        raise flight.FlightInternalError("\x1b]0;title\x07\x9b2J\u202enot\r seen")


@contextmanager
def _liar(table: Any = None, locations: Any = (), reference: bytes = b"") -> Iterator[_Liar]:
    with _Liar(_rows([b"FLM\x05[1]"]) if table is None else table, list(locations), reference) as server:
        with settings(endpoint=server.endpoint):
            yield server


def _rows(cells: List[bytes]) -> pa.Table:
    kinds = ["base", *["patch"] * (len(cells) - 1)]
    return pa.table({"version": pa.array([1] * len(cells), pa.uint64()), "kind": kinds, "data": cells}, schema=ANSWER)


def _row_of(start: int, end: int) -> pa.Table:
    """A row whose offsets place its cell there, in a buffer of four bytes."""
    offsets = bytearray(struct.pack("<ii", 0, 4))
    data = pa.Array.from_buffers(pa.binary(), 1, [None, pa.py_buffer(offsets), pa.py_buffer(b"FLM\x06")], null_count=0)
    table = pa.Table.from_arrays([pa.array([1], pa.uint64()), pa.array(["base"]), data], schema=ANSWER)
    # pyarrow itself does not build such an array.
    struct.pack_into("<ii", offsets, 0, start, end)
    return table


FALSE_ROWS = {
    "cell that ends behind its bytes": _row_of(0, 1 << 20),
    "cell that ends far behind its bytes": _row_of(0, (1 << 31) - 1),
    "cell that begins before its bytes": _row_of(-1_000_000, 4),
    "cell that ends before it begins": _row_of(4, 0),
    "column of another type": pa.table({"version": pa.array([1], pa.uint64()), "kind": ["base"], "data": [7]}),
    "column of lists": pa.table({"kind": ["base"], "data": [[b"x"]]}),
    "column missing": pa.table({"version": pa.array([1], pa.uint64()), "kind": ["base"]}),
    "column twice": pa.Table.from_arrays([pa.array([b"x"]), pa.array([b"x"])], ["data", "data"]),
    "column without a name that fits": pa.table({"n": [1]}),
}


@each(FALSE_ROWS)
def case_of_a_get_are_refused_with_a(_cache, table):
    with _liar(table) as server, fails(flame_object_cache.FlameError, "INVALID_IPC"):
        get_object(ObjectRef(server.endpoint, KEY))


def case_of_a_get_without_rows_are_refused(_cache):
    for table in (ANSWER.empty_table(), _rows([b"FLM\x05[1]"]).slice(0, 0)):
        with _liar(table) as server, fails(flame_object_cache.UnreadableValue, "UNREADABLE_VALUE"):
            get_object(ObjectRef(server.endpoint, KEY))


def case_that_name_files_are_not_believed(_cache):
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, f"{KEY}.arrow")
        path.parent.mkdir(parents=True)
        path.symlink_to("/dev/zero")
        named = [location_of(path), location_of(Path("/etc/passwd")), "file:///proc/self/mem", "file:///%ff"]
        for location in named:
            with _liar(locations=[location]) as server:
                assert get_object(ObjectRef(server.endpoint, KEY)) == [1]


def case_in_a_file_are_refused_with_a_name_that_is_no_text(_cache):
    """Its schema can be read except for its names."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, f"{KEY}.arrow")
        path.parent.mkdir(parents=True)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, pa.schema({"name": pa.int8()})) as writer:
            writer.write_batch(pa.record_batch({"name": pa.array([1], pa.int8())}))
        path.write_bytes(path.read_bytes().replace(b"name", b"na\xffe"))
        with _liar(locations=[location_of(path)]) as server, fails(flame_object_cache.FlameError, "INVALID_IPC"):
            get_object(ObjectRef(server.endpoint, KEY))


def case_that_name_file_after_file_open_one_at_most(_cache):
    opened, open_location = [], local_files.open_location
    local_files.open_location = lambda uri, key: opened.append(uri) or open_location(uri, key)
    try:
        with _liar(locations=["file:///0", "file:///1"]) as server, fails(flame_object_cache.FlameError, "UNREADABLE_VALUE"):
            get_object(ObjectRef(server.endpoint, KEY))
    finally:
        local_files.open_location = open_location
    assert opened == ["file:///0"]


def case_that_nothing_has_changed_are_not_believed_of_what_was_never_got(_cache):
    unchanged = ANSWER.with_metadata({"flame.cache.instance": "run"}).empty_table()
    with _liar(unchanged) as server, fails(flame_object_cache.UnreadableValue, "UNREADABLE_VALUE"):
        get_object(ObjectRef(server.endpoint, KEY, 7))


def case_of_a_run_whose_name_is_no_header_are_not_kept(_cache):
    with _liar(_rows([b"FLM\x05[1]"]).replace_schema_metadata({"flame.cache.instance": "a\r\nb: c", "flame.cache.version": "1"})) as server:
        for _ in range(3):
            assert get_object(ObjectRef(server.endpoint, KEY, 1)) == [1]


@each({"no number": b"x", "negative": b"-1", "beyond all numbers": b"9" * 5000, "not ASCII": "²".encode()})
def case_of_a_version_that_is_none_are_taken_for_no_version(_cache, version):
    metadata = {b"flame.cache.instance": b"run", b"flame.cache.version": version}
    with _liar(_rows([b"FLM\x05[1]"]).replace_schema_metadata(metadata)) as server:
        assert get_object(ObjectRef(server.endpoint, KEY)) == [1]


KEYS = ["../../etc/passwd", "app/../object", "/etc/passwd", "app/session/.object", "app/session/a\0b", "app/session", ""]


@each({repr(key): key for key in KEYS})
def case_of_a_list_are_refused_with_the_key(_cache, key):
    """A program may use keys as file names."""
    needs("app_metadata", flight.FlightInfo)
    with _liar(reference=ObjectRef("grpc://127.0.0.1:1", key, 1).encode()), fails(flame_object_cache.FlameError, "INVALID_REQUEST"):
        list_objects("app")


def case_of_a_list_are_refused_with_a_reference_without_end(_cache):
    needs("app_metadata", flight.FlightInfo)
    with _liar(reference=ObjectRef("e" * 10_000, KEY, 1).encode()), fails(flame_object_cache.FlameError, "INVALID_REQUEST"):
        list_objects("app")


def case_are_not_asked_for_with_a_key_that_breaks_the_rules(_cache):
    with _liar() as server, tempfile.TemporaryDirectory() as directory:
        with fails(flame_object_cache.InvalidKey, "INVALID_KEY"):
            download_object(ObjectRef(server.endpoint, "../x/y"), Path(directory, "file"))
        assert list(Path(directory).iterdir()) == []


def case_that_are_errors_cannot_steer_a_terminal(_cache):
    with _liar(), fails(flame_object_cache.FlameError, "INTERNAL") as caught:
        flame_object_cache.pin_object("app/session/object")
    for error in (caught[0], caught[0].__cause__):
        assert not set("\x1b\x07\x9b\r\u202e") & set(str(error)), ascii(str(error))
    assert "\\u001b]0;title\\u0007\\u009b2J\\u202enot\\u000d seen" in str(caught[0])
