"""Tables that cases put: a plain one, and Flame's metadata for it."""

from typing import Optional

import pyarrow as pa

# Schema metadata of a table put by a generation-2 client.
FLAME = {"flame.cache.format": "arrow-table-v1", "flame.cache.logical_type": "pyarrow.table"}


def numbers(count: int, metadata: Optional[dict] = None) -> pa.RecordBatch:
    """One nullable int64 column `number` counting from 0, every seventh cell null."""
    cells = [None if n % 7 == 3 else n for n in range(count)]
    schema = pa.schema([pa.field("number", pa.int64())], metadata=metadata)
    return pa.RecordBatch.from_arrays([pa.array(cells, pa.int64())], schema=schema)
