"""ObjectInfo: the metadata of an object, which `stat` returns."""

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
    """The metadata of an object."""

    ref: ObjectRef
    """Endpoint, key and current version."""
    size_bytes: int
    """Bytes of a value, with patches and type tags, or of a table's batches, without headers."""
    rows: int
    """Rows of a table. A value has one row plus one for each patch."""
    kind: str
    """`table`, or `opaque` for every other value."""
    schema: pa.Schema
    """The schema of a table, with Flame's metadata; `version: uint64, data: binary` for other
    values.
    """
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
    """Raises FlameError INVALID_REQUEST or INVALID_IPC for an invalid answer."""
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
