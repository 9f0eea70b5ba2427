"""Objects that are put as tables although values.py does not know their classes.

A polars LazyFrame is collected; readers get a DataFrame. An object whose `to_arrow()` returns a
pyarrow Table or RecordBatch is stored as that; readers get a Table.
"""

from __future__ import annotations

from typing import Any, Optional

import pyarrow as pa

from .errors import InvalidValue


def kind_of(obj: Any) -> str:
    """The name of the exact type, such as `numpy.ndarray`, without an import of its library."""
    return f"{type(obj).__module__.split('.')[0]}.{type(obj).__qualname__}"


def collected(obj: Any) -> Any:
    """The DataFrame of a polars LazyFrame; any other object unchanged.

    Raises InvalidValue if the plan of the LazyFrame fails.
    """
    if kind_of(obj) != "polars.LazyFrame":
        return obj
    try:
        return obj.collect()
    except Exception as error:  # noqa: BLE001  (whatever the plan raises)
        text = f"the LazyFrame cannot be collected: {error}"
        raise InvalidValue("INVALID_VALUE", text) from error


def table_of(obj: Any) -> Optional[pa.Table]:
    """The table that `to_arrow()` returns; None if the method is missing or returns no table."""
    # Checks the class, because some objects claim to have every attribute.
    if getattr(type(obj), "to_arrow", None) is None:
        return None
    try:
        table = obj.to_arrow()
    except Exception:  # noqa: BLE001  (it may take arguments or serve another purpose)
        return None
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    return table if isinstance(table, pa.Table) else None
