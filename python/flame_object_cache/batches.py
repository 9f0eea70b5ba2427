"""The record batches of a table, with all its rows and types.

pyarrow drops batches without rows, and with them their dictionaries. The size of a batch is the
size of its buffers if pyarrow cannot compute the bytes in use, as versions before 24 cannot for
views.
"""

from __future__ import annotations

from typing import Dict, List, Optional, cast

import pyarrow as pa


def batches_of(table: pa.Table) -> List[pa.RecordBatch]:
    """As Table.to_batches, but keeps the batch of a table whose only batch has no rows."""
    batches = cast(List[pa.RecordBatch], table.to_batches())
    if batches or table.num_columns == 0 or any(column.num_chunks == 0 for column in table.columns):
        return batches
    return [pa.RecordBatch.from_arrays([column.chunk(0) for column in table.columns], schema=table.schema)]


def with_metadata(table: pa.Table, metadata: Optional[Dict[bytes, bytes]]) -> pa.Table:
    """As Table.replace_schema_metadata, but keeps the row count of a table without columns."""
    if table.num_columns > 0 or table.num_rows == 0:
        return table.replace_schema_metadata(metadata)
    rows = pa.Array.from_buffers(pa.struct([]), table.num_rows, [None])
    return pa.Table.from_batches([pa.RecordBatch.from_struct_array(rows)], schema=pa.schema([], metadata=metadata))


def empty_array(type_: pa.DataType) -> pa.Array:
    """An array without elements. `pa.array` cannot make one of a union type."""
    return pa.nulls(0, type_)


def size_of(batch: pa.RecordBatch) -> int:
    """An upper bound for the bytes of a batch when it is sent."""
    try:
        return cast(int, batch.nbytes)
    except (pa.ArrowException, NotImplementedError):
        return cast(int, batch.get_total_buffer_size())
