"""Batches of objects that offer Arrow's C stream: DuckDB relations, arro3 tables, a
RecordBatchReader. Each batch is read when it is sent.
"""

from __future__ import annotations

from typing import Any, Optional

import pyarrow as pa

from .errors import InvalidValue
from .tabular import kind_of

# Stored as values of their own type, not as streams.
_KNOWN = (pa.Table, pa.RecordBatch, pa.Array, pa.ChunkedArray)


def reader_of(obj: Any) -> Optional[pa.RecordBatchReader]:
    """A reader of the object's batches; None for an object without an Arrow stream of batches.

    Raises InvalidValue if the stream cannot be opened.
    """
    # Checks the class, because some objects claim to have every attribute.
    if not hasattr(type(obj), "__arrow_c_stream__") or isinstance(obj, _KNOWN):
        return None
    if kind_of(obj).startswith(("pandas.", "polars.")):
        return None
    try:
        return pa.RecordBatchReader.from_stream(obj)
    except pa.ArrowInvalid:
        return None  # A stream of arrays, not of record batches.
    except Exception as error:  # noqa: BLE001  (whatever the query behind the stream raises)
        text = f"cannot read batches from a value of {type(obj)}: {error}"
        raise InvalidValue("INVALID_VALUE", text) from error
