"""Checks that a patch of a pandas table keeps its row labels.

The labels of a range index are not a column of the table: they are counted from its first row. A
patch with the default index continues the numbers of the table. Any other range must continue the
range of the table, as the chunks of a large frame do. Only such a patch costs a call to the server.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import pyarrow as pa
import pyarrow.flight as flight

from .connection import Connection
from .errors import FlameError

_PATCH = b"PATCH:"


def check_patch(connection: Connection, descriptor: flight.FlightDescriptor, table: pa.Table) -> None:
    """Raises FlameError INVALID_REQUEST if the table is a patch whose range index does not continue
    that of the stored table.
    """
    command = descriptor.command or b""
    own = _range_of(table.schema)
    if not command.startswith(_PATCH) or own is None or own == (0, 1) or table.num_rows == 0:
        return
    base_descriptor = flight.FlightDescriptor.for_path(command[len(_PATCH) :].decode())
    info = connection.client.get_flight_info(base_descriptor, connection.options())
    base = _range_of(info.schema)
    if base is not None and own == (base[0] + base[1] * info.total_records, base[1]):
        return
    text = (
        f"the patch's index begins with {own[0]} in steps of {own[1]} and does not continue the "
        "index of the table: reset_index(drop=True) makes the patch continue it"
    )
    raise FlameError("INVALID_REQUEST", text)


def _range_of(schema: pa.Schema) -> Optional[Tuple[int, int]]:
    """Start and step of a pandas frame's range index; None if the index is not a range."""
    try:
        said: Any = (schema.pandas_metadata or {})["index_columns"]
        return (said[0]["start"], said[0]["step"]) if len(said) == 1 else None
    except (ValueError, LookupError, TypeError):
        return None
