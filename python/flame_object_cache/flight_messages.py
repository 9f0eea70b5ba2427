"""Fields of Flight's protobuf messages (Flight.proto) that older versions of pyarrow do not expose.

Read: FlightInfo.app_metadata (7), FlightEndpoint.expiration_time (3), a Timestamp of seconds (1)
and nanoseconds (2). Written: RenewFlightEndpointRequest. Other fields are skipped.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Dict, List, Optional, Union

import pyarrow as pa
import pyarrow.flight as flight

from .errors import FlameError

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# The expiry of an object without one, from a server with replicas (docs/protocol.md, "Replicas").
_NO_END = datetime(2200, 1, 1, tzinfo=timezone.utc)
Field = Union[int, bytes]


def app_metadata_of(info: flight.FlightInfo) -> bytes:
    """The application metadata of a FlightInfo."""
    known = getattr(info, "app_metadata", None)
    found = _fields(info.serialize()).get(7, b"") if known is None else known
    return bytes(found) if isinstance(found, (bytes, pa.Buffer)) else b""


def end_of(endpoint: bytes) -> Optional[datetime]:
    """When the object behind a FlightEndpoint expires, to the microsecond, in UTC; None: never.

    Raises FlameError INVALID_IPC.
    """
    try:
        end = _fields(endpoint).get(3)
        if end is None:
            return None
        if isinstance(end, int):
            raise ValueError("expiration_time is not a message")
        parts = _fields(end)
        seconds, nanos = int(parts.get(1, 0)), int(parts.get(2, 0))
        # A negative int64 is written as a large unsigned one.
        seconds -= 1 << 64 if seconds >> 63 else 0
        time = _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
        return None if time == _NO_END else time
    except (ValueError, LookupError, OverflowError) as error:
        raise FlameError("INVALID_IPC", f"the endpoint's expiry is invalid: {error}") from error


def renew_request(key: str, until: Optional[datetime]) -> bytes:
    """RenewFlightEndpointRequest: field 1 is an endpoint, whose ticket (1) names the object (1)."""
    endpoint = _bytes(1, _bytes(1, f"{key}:0".encode()))
    if until is not None:
        since = until - _EPOCH
        seconds = since.days * 86_400 + since.seconds
        nanos = since.microseconds * 1000
        endpoint += _bytes(3, b"\x08" + _varint(seconds % (1 << 64)) + b"\x10" + _varint(nanos))
    return _bytes(1, endpoint)


def _fields(message: bytes) -> Dict[int, Field]:
    """The last value of each field, by number. Raises ValueError, IndexError."""
    found: Dict[int, Field] = {}
    at: List[int] = [0]
    while at[0] < len(message):
        tag = _read_varint(message, at)
        kind, length = tag & 7, {1: 8, 5: 4}.get(tag & 7)
        if kind == 0:
            found[tag >> 3] = _read_varint(message, at)
            continue
        if kind == 2:
            length = _read_varint(message, at)
        if length is None or length > len(message) - at[0]:
            raise ValueError(f"a field of wire type {kind} exceeds the message")
        found[tag >> 3] = message[at[0] : at[0] + length]
        at[0] += length
    return found


def _read_varint(message: bytes, at: List[int]) -> int:
    number = 0
    for shift in range(0, 70, 7):
        byte = message[at[0]]
        at[0] += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number
    raise ValueError("a number is longer than 64 bits")


def _bytes(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
