"""Pins, leases and times to live, by a client that knows only pyarrow and the protocol."""

import datetime
import json
import time

import pyarrow as pa
import pyarrow.flight as flight

from support.calls import act, delete, flights, get, info, options, path
from support.expect import refused
from support.opaque import SENT, put_value, value_of
from support.server import Server, storage_directory
from support.tables import numbers

STORAGES = ("files", "none")


def _put_for(client: flight.FlightClient, key: str, seconds: str, table=None) -> None:
    header = options(headers=[(b"flame-ttl-seconds", seconds.encode())])
    table = table if table is not None else pa.table({"version": [0], "data": [b"value"]}, schema=SENT)
    writer, reader = client.do_put(path(key), table.schema, header)
    with writer:
        writer.write_table(table)
        writer.done_writing()
        assert reader.read() is not None


def _end_of(flight_info: flight.FlightInfo):
    (endpoint,) = flight_info.endpoints
    return endpoint.expiration_time and endpoint.expiration_time.as_py().timestamp()


def _field(number: int, message: bytes) -> bytes:
    """A message inside of a message, in protobuf."""
    size, length = b"", len(message)
    while length >= 0x80:
        size += bytes([length & 0x7F | 0x80])
        length >>= 7
    return bytes([number << 3 | 2]) + size + bytes([length]) + message


def _renew(client: flight.FlightClient, endpoint: flight.FlightEndpoint) -> flight.FlightEndpoint:
    (answer,) = act(client, "RenewFlightEndpoint", _field(1, endpoint.serialize()))
    return flight.FlightEndpoint.deserialize(answer)


def _cancel(client: flight.FlightClient, flight_info: flight.FlightInfo) -> bytes:
    (answer,) = act(client, "CancelFlightInfo", _field(1, flight_info.serialize()))
    return answer


def case_the_standard_actions_are_listed(cache):
    actions = {action.type for action in cache.client.list_actions(options())}
    assert {"RenewFlightEndpoint", "CancelFlightInfo", "PIN", "UNPIN", "EXPIRE"} <= actions


def case_an_object_without_end_has_no_expiration_time(cache):
    key = cache.key()
    put_value(cache.client, key, b"value")
    assert _end_of(info(cache.client, key)) is None


def case_a_time_to_live_is_the_endpoints_expiration_time(cache):
    for key, table in ((cache.key(), None), (cache.key(), pa.Table.from_batches([numbers(10)]))):
        before = time.time()
        _put_for(cache.client, key, "3600", table)
        after = time.time()
        for seen in (info(cache.client, key), *flights(cache.client, key)):
            assert before + 3599.9 <= _end_of(seen) <= after + 3600.1, _end_of(seen)


def case_what_has_expired_is_not_found_and_not_listed(cache):
    key = cache.key()
    _put_for(cache.client, key, "0.2")
    end = _end_of(info(cache.client, key))
    while time.time() <= end:
        # Until its end it may be served: nothing here depends on how long that takes.
        flights(cache.client, key)
    with refused("OBJECT_NOT_FOUND"):
        get(cache.client, key)
    with refused("OBJECT_NOT_FOUND"):
        info(cache.client, key)
    assert flights(cache.client, key) == []
    put_value(cache.client, key, b"new")
    assert value_of(cache.client, key) == b"new"


def case_a_wrong_time_to_live_is_refused(cache):
    with refused("INVALID_REQUEST"):
        _put_for(cache.client, cache.key(), "soon")


def case_an_endpoint_is_renewed_as_pyarrow_has_it(cache):
    key = cache.key()
    _put_for(cache.client, key, "600")
    (endpoint,) = info(cache.client, key).endpoints
    renewed = _renew(cache.client, endpoint)
    assert renewed.ticket == endpoint.ticket
    assert renewed.locations == endpoint.locations
    assert renewed.expiration_time.as_py() >= endpoint.expiration_time.as_py()
    assert _end_of(info(cache.client, key)) == renewed.expiration_time.as_py().timestamp()


def case_an_endpoint_is_renewed_until_the_time_it_asks_for(cache):
    key = cache.key()
    _put_for(cache.client, key, "600")
    (endpoint,) = info(cache.client, key).endpoints
    wanted = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0) + datetime.timedelta(days=1)
    asked = flight.FlightEndpoint(endpoint.ticket, endpoint.locations, pa.scalar(wanted, pa.timestamp("ns", "UTC")))
    assert _renew(cache.client, asked).expiration_time.as_py() == wanted
    assert _end_of(info(cache.client, key)) == wanted.timestamp()


def case_what_is_not_there_is_not_renewed(cache):
    with refused("OBJECT_NOT_FOUND"):
        _renew(cache.client, flight.FlightEndpoint(cache.key(), []))


def case_a_flight_is_cancelled_as_pyarrow_has_it(cache):
    key = cache.key()
    put_value(cache.client, key, b"value")
    seen = info(cache.client, key)
    assert _cancel(cache.client, seen) == b"\x08\x01"
    with refused("OBJECT_NOT_FOUND"):
        get(cache.client, key)
    assert _cancel(cache.client, seen) == b"\x08\x03"


def case_a_session_has_a_time_to_live(cache):
    prefix = cache.prefix()
    put_value(cache.client, f"{prefix}/before", b"1")
    (answer,) = act(cache.client, "EXPIRE", json.dumps({"key": prefix, "ttl_seconds": 3600}))
    until = datetime.datetime.fromisoformat(json.loads(answer)["until"].replace("Z", "+00:00")).timestamp()
    put_value(cache.client, f"{prefix}/later", b"2")
    assert abs(_end_of(info(cache.client, f"{prefix}/before")) - until) < 1
    assert until <= _end_of(info(cache.client, f"{prefix}/later")) + 1
    act(cache.client, "EXPIRE", json.dumps({"key": prefix, "ttl_seconds": None}))
    assert _end_of(info(cache.client, f"{prefix}/before")) is None


def case_pins_and_leases_are_told_until_when(cache):
    key = cache.key()
    with refused("OBJECT_NOT_FOUND"):
        act(cache.client, "PIN", key)
    put_value(cache.client, key, b"value")
    (answer,) = act(cache.client, "PIN", json.dumps({"key": key, "ttl_seconds": 60}))
    assert json.loads(answer)["until"].endswith("Z")
    (answer,) = act(cache.client, "PIN", key)
    assert json.loads(answer) == {"key": key, "until": None}
    assert act(cache.client, "UNPIN", key) == [b"OK"]
    delete(cache.client, key)


def case_times_and_pins_survive_a_restart(_cache):
    with storage_directory() as directory:
        with Server(directory) as server:
            client = server.cache.client
            _put_for(client, "a/s/put", "3600")
            _put_for(client, "a/s/renewed", "3600")
            (endpoint,) = info(client, "a/s/renewed").endpoints
            _renew(client, endpoint)
            act(client, "PIN", "a/s/put")
            before = [_end_of(info(client, key)) for key in ("a/s/put", "a/s/renewed")]
            server.kill()
        with Server(directory) as server:
            client = server.cache.client
            assert [_end_of(info(client, key)) for key in ("a/s/put", "a/s/renewed")] == before
