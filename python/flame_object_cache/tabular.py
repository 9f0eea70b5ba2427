"""Objects that are put as tables without being one of the classes that values.py knows.

A polars LazyFrame is collected, and comes back as a DataFrame. An object whose `to_arrow()` gives a
pyarrow Table or RecordBatch comes back as a Table.
"""

from __future__ import annotations

from typing import Any, Optional

import pyarrow as pa

from .errors import InvalidValue


def kind_of(obj: Any) -> str:
    """`numpy.ndarray`, `pandas.DataFrame`: the exact type, without an import of its library."""
    return f"{type(obj).__module__.split('.')[0]}.{type(obj).__qualname__}"


def collected(obj: Any) -> Any:
    """The DataFrame of a polars LazyFrame; any other object as it is.

    Raises InvalidValue when the plan of the LazyFrame fails.
    """
    if kind_of(obj) != "polars.LazyFrame":
        return obj
    try:
        return obj.collect()
    except Exception as error:  # noqa: BLE001  (whatever the plan raises)
        text = f"the LazyFrame cannot be collected: {error}"
        raise InvalidValue("INVALID_VALUE", text) from error


def table_of(obj: Any) -> Optional[pa.Table]:
    """What `to_arrow()` gives; None for an object without it, or with one that gives no table."""
    # Asked of the class: some objects claim to have every attribute.
    if getattr(type(obj), "to_arrow", None) is None:
        return None
    try:
        table = obj.to_arrow()
    except Exception:  # noqa: BLE001  (it takes arguments, or is not meant for this)
        return None
    if isinstance(table, pa.RecordBatch):
        table = pa.Table.from_batches([table])
    return table if isinstance(table, pa.Table) else None
