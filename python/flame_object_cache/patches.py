"""Whether the labels of a patch's rows would be kept: those of a range are no column of the table, but counted from its first row.

A frame whose index is the default one has no labels of its own: its rows go on with the numbers of the table. Any other range has
to be what comes next, as the chunks of a large frame are. That is asked of the server; for all other patches nothing is.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import pyarrow as pa
import pyarrow.flight as flight

from .connection import Connection
from .errors import FlameError

_PATCH = b"PATCH:"


def check_patch(connection: Connection, descriptor: flight.FlightDescriptor, table: pa.Table) -> None:
    """Raises FlameError INVALID_REQUEST when the table is a patch whose rows' numbers are not those that come next."""
    command = descriptor.command or b""
    own = _range_of(table.schema)
    if not command.startswith(_PATCH) or own is None or own == (0, 1) or table.num_rows == 0:
        return
    base_descriptor = flight.FlightDescriptor.for_path(command[len(_PATCH) :].decode())
    info = connection.client.get_flight_info(base_descriptor, connection.options())
    base = _range_of(info.schema)
    if base is not None and own == (base[0] + base[1] * info.total_records, base[1]):
        return
    text = f"the patch's index begins with {own[0]} in steps of {own[1]}, which is not what comes next in the table"
    raise FlameError("INVALID_REQUEST", f"{text}: reset_index(drop=True) lets its rows go on with the table's numbers")


def _range_of(schema: pa.Schema) -> Optional[Tuple[int, int]]:
    """Start and step of the index of a pandas frame that is a range."""
    try:
        said: Any = (schema.pandas_metadata or {})["index_columns"]
        return (said[0]["start"], said[0]["step"]) if len(said) == 1 else None
    except (ValueError, LookupError, TypeError):
        return None
