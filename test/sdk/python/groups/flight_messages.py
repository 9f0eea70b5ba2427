"""Every version of pyarrow reads the same fields of Flight's messages; bytes that are not a message
are refused.
"""

import itertools
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.flight as flight
from sdk import fails
from support.cases import each, needs

import flame_object_cache
from flame_object_cache.flight_messages import app_metadata_of, end_of, renew_request

STORAGES = ("own",)
UTC = timezone.utc
TIMES = {
    "now": datetime(2026, 11, 29, 12, 30, 15, 123456, UTC),
    "the epoch": datetime(1970, 1, 1, tzinfo=UTC),
    "the last year of pyarrow's own": datetime(2262, 1, 1, tzinfo=UTC),
    "another zone": datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=5))),
}


class _OlderInfo:
    """A FlightInfo as in pyarrow 18, without app_metadata."""

    def __init__(self, info):
        self.serialize = info.serialize


@each(TIMES)
def case_the_end_of_an_object_is_read_as_it_was_written_for(_cache, time):
    needs("expiration_time", flight.FlightEndpoint)
    scalar = pa.scalar(time, pa.timestamp("us", "UTC"))
    assert end_of(flight.FlightEndpoint(b"ticket", ["grpc://a:1"], scalar).serialize()) == time
    request = renew_request("a/s/o", time)
    endpoint = flight.FlightEndpoint.deserialize(request[-(len(request) - 2) :])
    assert endpoint.ticket.ticket == b"a/s/o:0" and end_of(endpoint.serialize()) == time


def case_an_endpoint_without_an_end_has_none(_cache):
    assert end_of(flight.FlightEndpoint(b"ticket", []).serialize()) is None
    assert end_of(b"") is None


def case_app_metadata_is_read_where_pyarrow_does_not_show_it(_cache):
    needs("app_metadata", flight.FlightInfo)
    for metadata in (b"", b"x" * 300):
        info = flight.FlightInfo(pa.schema([]), flight.FlightDescriptor.for_path("a"), [], 1, 2, False, metadata)
        assert app_metadata_of(_OlderInfo(info)) == app_metadata_of(info) == metadata


def case_bytes_cut_anywhere_are_an_endpoint_or_refused(_cache):
    needs("expiration_time", flight.FlightEndpoint)
    scalar = pa.scalar(TIMES["now"], pa.timestamp("us", "UTC"))
    whole = flight.FlightEndpoint(b"ticket", ["grpc://a:1"], scalar).serialize()
    refused = 0
    for end, bit in itertools.product(range(len(whole)), range(8)):
        changed = bytearray(whole[: end + 1])
        changed[end] ^= 1 << bit
        try:
            end_of(bytes(changed))
        except flame_object_cache.FlameError as error:
            assert error.code == "INVALID_IPC"
            refused += 1
    assert refused > 0


BROKEN = {
    "a number without an end": b"\x18" + b"\xff" * 11,
    "a length beyond the message": b"\x1a\x7f\x08",
    "a time that is a number": b"\x18\x01",
    "a time beyond all years": b"\x1a\x0a\x08" + b"\xff" * 8 + b"\x7f",
    "an unknown wire type": b"\x1b",
}


@each(BROKEN)
def case_are_refused_with(_cache, message):
    with fails(flame_object_cache.FlameError, "INVALID_IPC"):
        end_of(message)
