"""ObjectInfo: what the server knows of an object without its bytes, as `stat` gives it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Optional

import pyarrow as pa
import pyarrow.flight as flight

from . import values
from .errors import FlameError
from .flight_messages import app_metadata_of, end_of
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
        ref=ObjectRef.decode(app_metadata_of(info)),
        size_bytes=info.total_bytes,
        rows=info.total_records,
        kind="opaque" if values.is_opaque(schema) else "table",
        schema=schema,
        expires_at=end_of(endpoints[0].serialize()) if endpoints else None,
    )
