"""ObjectInfo: what the server knows of an object without its bytes, as `stat` gives it; and the
request of `renew`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional

import pyarrow as pa
import pyarrow.flight as flight

from . import values
from .errors import FlameError
from .names import ObjectRef


@dataclass(frozen=True)
class ObjectInfo:
    """An object without its bytes."""

    ref: ObjectRef
    """Endpoint, key and current version."""
    size_bytes: int
    """Of a value: its bytes with patches and type tags. Of a table: its batches without headers."""
    rows: int
    """Rows of a table. A value has one row, and one more for each patch."""
    kind: str
    """`table`, or `opaque` for every other value."""
    schema: pa.Schema
    """Of a table, with Flame's metadata; of any other value, `version: uint64, data: binary`."""
    expires_at: Optional[datetime]
    """When the object expires, in UTC; None: never."""

    @property
    def key(self) -> str:
        """`app/session/object`."""
        return self.ref.key

    @property
    def version(self) -> int:
        """The current version, counted from 1."""
        return self.ref.version


def object_info(info: flight.FlightInfo) -> ObjectInfo:
    """Raises FlameError INVALID_REQUEST, INVALID_IPC for what is no answer of a cache."""
    try:
        schema = info.schema
    except (pa.ArrowException, OSError) as error:
        raise FlameError(
            "INVALID_IPC", f"the schema in the answer cannot be read: {error}"
        ) from error
    endpoints = info.endpoints
    return ObjectInfo(
        ref=ObjectRef.decode(info.app_metadata),
        size_bytes=info.total_bytes,
        rows=info.total_records,
        kind="opaque" if values.is_opaque(schema) else "table",
        schema=schema,
        expires_at=end_of(endpoints[0]) if endpoints else None,
    )


def end_of(endpoint: flight.FlightEndpoint) -> Optional[datetime]:
    """The end of the object behind an endpoint, to the microsecond; None: it has none."""
    end: Any = endpoint.expiration_time
    return None if end is None else end.cast(pa.timestamp("us", "UTC"), safe=False).as_py()


def renew_request(key: str, until: Optional[datetime]) -> bytes:
    """RenewFlightEndpointRequest (Flight.proto): field 1 is the endpoint, with a ticket that names
    the object.
    """
    end = None if until is None else pa.scalar(until, pa.timestamp("us", "UTC"))
    endpoint: bytes = flight.FlightEndpoint(f"{key}:0".encode(), [], end).serialize()
    return b"\x0a" + _varint(len(endpoint)) + endpoint


def _varint(number: int) -> bytes:
    low, rest = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varint(rest) if rest else bytes([low])
