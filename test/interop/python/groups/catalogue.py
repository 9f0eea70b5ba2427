"""GetFlightInfo, GetSchema, ListFlights (docs/protocol.md, "Other methods"): what is stored, by
whatever form it is asked for."""

import struct

import pyarrow as pa
import pyarrow.flight as flight

from support.calls import flights, get, info, options, patch, path, put, ref_of
from support.cases import each
from support.expect import refused
from support.opaque import SENT, patch_value, put_value, rows, two_field_rows
from support.tables import FLAME, numbers
from support.wire import fields_of

STORAGES = ("files", "none")

OPAQUE_FIELDS = [("version", pa.uint64()), ("data", pa.binary())]


def _keys(found: list[flight.FlightInfo]) -> list[str]:
    return sorted(item.endpoints[0].ticket.ticket.decode() for item in found)


def case_get_flight_info_tells_all_of_an_opaque_object(cache):
    key = cache.key()
    ref = put_value(cache.client, key, b"v" * 5000)
    seen = info(cache.client, key)
    assert [(field.name, field.type) for field in seen.schema] == OPAQUE_FIELDS
    assert seen.descriptor.descriptor_type == flight.DescriptorType.PATH
    assert b"/".join(seen.descriptor.path) == key.encode()
    (endpoint,) = seen.endpoints
    assert endpoint.ticket.ticket == key.encode()
    assert len(endpoint.locations) == 1
    assert seen.total_records == 1
    assert seen.total_bytes >= 5000
    assert ref_of(seen) == ref


def case_get_flight_info_tells_all_of_a_table(cache):
    for metadata in (None, FLAME, {"user": "own"}):
        key, batches = cache.key(), [numbers(3, metadata), numbers(0, metadata), numbers(9, metadata)]
        ref = put(cache.client, key, batches)
        seen = info(cache.client, key)
        assert seen.schema.equals(batches[0].schema), seen.schema
        assert seen.total_records == 12
        assert seen.total_bytes > 0
        assert ref_of(seen) == ref


def case_get_flight_info_follows_patches_and_replacements(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3)])
    patch(cache.client, key, [numbers(4), numbers(1)])
    seen = info(cache.client, key)
    assert (seen.total_records, ref_of(seen).version) == (8, 2)
    put_value(cache.client, key, b"value")
    seen = info(cache.client, key)
    assert (seen.total_records, ref_of(seen).version) == (1, 3)
    assert [(field.name, field.type) for field in seen.schema] == OPAQUE_FIELDS


def case_the_endpoint_of_a_flight_info_can_be_dialled(cache):
    key = cache.key()
    put_value(cache.client, key, b"value")
    (endpoint,) = info(cache.client, key).endpoints
    with flight.connect(endpoint.locations[0]) as client:
        assert two_field_rows(get(client, endpoint.ticket.ticket)) == [(1, b"value")]


def case_schemas_are_encapsulated_messages(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3, {"user": "own"})])
    schema = fields_of(info(cache.client, key).serialize())[1][0]
    assert schema == fields_of(cache.client.get_schema(path(key), options()).serialize())[1][0]
    continuation, size = struct.unpack_from("<Ii", schema)
    assert continuation == 0xFFFFFFFF
    assert (size % 8, len(schema)) == (0, 8 + size), (size, len(schema))
    assert pa.ipc.read_schema(pa.py_buffer(schema)).equals(numbers(0).schema)


def case_get_schema_gives_the_same_schema(cache):
    opaque, table = cache.key(), cache.key()
    put_value(cache.client, opaque, b"value")
    put(cache.client, table, [numbers(3)])
    for key in (opaque, table):
        assert cache.client.get_schema(path(key), options()).schema.equals(info(cache.client, key).schema)


def case_unknown_keys_are_not_found(cache):
    key = cache.key()
    with refused("OBJECT_NOT_FOUND"):
        info(cache.client, key)
    with refused("OBJECT_NOT_FOUND"):
        cache.client.get_schema(path(key), options())


def case_a_command_is_no_form_of_get_flight_info(cache):
    put_value(cache.client, key := cache.key(), b"value")
    for command in (key, f"PATCH:{key}", ""):
        with refused("INVALID_REQUEST", about=command):
            info(cache.client, flight.FlightDescriptor.for_command(command))


def case_a_command_other_than_patch_is_no_form_of_do_put(cache):
    for command in (cache.key(), "", "PATCH", f"patch:{cache.key()}", f"PUT:{cache.key()}"):
        with refused("INVALID_REQUEST", about=command):
            put(cache.client, flight.FlightDescriptor.for_command(command), [rows(b"v")])


def _fill(cache) -> tuple[str, str]:
    """Two sessions of one application, and one of another whose name begins alike."""
    app = cache.prefix().split("/")[0]
    for key in (f"{app}/one/a", f"{app}/one/b", f"{app}/two/c", f"{app}x/one/d"):
        put_value(cache.client, key, key.encode())
    put(cache.client, f"{app}/two/table", [numbers(5)])
    return app, f"{app}x"


FORMS = {
    "app": ("{0}", ["{0}/one/a", "{0}/one/b", "{0}/two/c", "{0}/two/table"]),
    "app/*": ("{0}/*", ["{0}/one/a", "{0}/one/b", "{0}/two/c", "{0}/two/table"]),
    "app/session": ("{0}/one", ["{0}/one/a", "{0}/one/b"]),
    "app/session/object": ("{0}/two/table", ["{0}/two/table"]),
    "another application": ("{1}", ["{1}/one/d"]),
    "an object that is not there": ("{0}/one/c", []),
    "a session that is not there": ("{0}/three", []),
    "an application that is not there": ("{0}y", []),
}


@each(FORMS)
def case_list_flights_by_criteria_of_the_form(cache, form):
    names = _fill(cache)
    criteria, want = form[0].format(*names), [key.format(*names) for key in form[1]]
    assert _keys(flights(cache.client, criteria)) == want


def case_list_flights_without_criteria_gives_everything(cache):
    app, other = _fill(cache)
    seen = _keys(flights(cache.client, ""))
    mine = [key for key in seen if key.startswith((f"{app}/", f"{other}/"))]
    assert mine == _keys(flights(cache.client, app)) + _keys(flights(cache.client, other))
    assert len(set(seen)) == len(seen)


def case_list_flights_tells_of_each_what_get_flight_info_does(cache):
    app, _ = _fill(cache)
    patch_value(cache.client, f"{app}/one/a", b"patch")
    for item in flights(cache.client, app):
        key = item.endpoints[0].ticket.ticket.decode()
        alone = info(cache.client, key)
        assert ref_of(item) == ref_of(alone)
        assert b"/".join(item.descriptor.path) == key.encode()
        assert (item.total_records, item.total_bytes) == (alone.total_records, alone.total_bytes), key
        assert item.endpoints[0].locations == alone.endpoints[0].locations


def case_list_flights_refuses_bad_criteria(cache):
    for criteria in ("../s", "a/..", "a/s/o/p", "*", "*/s", "a/*/o", "a/s/*", "/", "a//", "a\\b", "\0", "a" * 201):
        with refused("INVALID_KEY", "INVALID_REQUEST", about=criteria):
            flights(cache.client, criteria)


def case_list_flights_streams_hundreds(cache):
    app, schema = cache.prefix().split("/")[0], SENT
    for number in range(700):
        put(cache.client, f"{app}/s{number % 7}/{number:05}", [], schema=schema)
    assert len(flights(cache.client, app)) == 700
    assert len(flights(cache.client, f"{app}/s3")) == len(range(3, 700, 7))
