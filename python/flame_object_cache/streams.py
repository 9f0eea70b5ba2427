"""Batches of what hands out Arrow's C stream: DuckDB relations, arro3 tables, a RecordBatchReader. None is read before it is sent."""

from __future__ import annotations

from typing import Any, Optional

import pyarrow as pa

from .errors import InvalidValue
from .tabular import kind_of

# They are stored as what they are, not as a stream of their columns.
_KNOWN = (pa.Table, pa.RecordBatch, pa.Array, pa.ChunkedArray)


def reader_of(obj: Any) -> Optional[pa.RecordBatchReader]:
    """None for anything else. Raises InvalidValue when its batches cannot be had."""
    # Asked of the class: some objects claim to have every attribute.
    if not hasattr(type(obj), "__arrow_c_stream__") or isinstance(obj, _KNOWN):
        return None
    if kind_of(obj).startswith(("pandas.", "polars.")):
        return None
    try:
        return pa.RecordBatchReader.from_stream(obj)
    except pa.ArrowInvalid:
        return None  # A stream of arrays, not of columns.
    except Exception as error:  # noqa: BLE001  (whatever the query behind the stream raises)
        raise InvalidValue("INVALID_VALUE", f"no batches come from a value of {type(obj)}: {error}") from error
