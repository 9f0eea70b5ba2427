"""Decides whether the cells of a pandas frame come back from Arrow unchanged.

The functions return None if Arrow keeps the cells. For text in an object column they return `none`
or `nan`, the value of missing cells, which has to be noted in the schema. Otherwise they return the
reason why the cells would change. Cost: one pass over the cells of object columns.
"""

from __future__ import annotations

import datetime
import decimal
from typing import Any, Optional

# Arrow returns cells of these classes unchanged. Times and decimals need a check of each cell.
_PLAIN = (bytes, datetime.date, datetime.time, decimal.Decimal)


def freq_of(index: Any) -> Any:
    """The freq of an index; None for a period index, whose freq is part of its dtype."""
    return getattr(index, "freq", None) if type(index).__name__ in ("DatetimeIndex", "TimedeltaIndex") else None


def cells_of(frame: Any, position: int, dtype: Any) -> Optional[str]:
    """None if Arrow keeps the column's cells; `none` or `nan` for an object column of text;
    otherwise the reason why they would change.
    """
    if dtype == object:
        return objects_reason(frame.iloc[:, position].to_numpy())
    if type(dtype).__name__ == "CategoricalDtype":
        found = categories_reason(dtype)
        return None if found == "none" else found
    if type(dtype).__name__ == "SparseDtype":
        return "it is sparse"
    if type(dtype).__name__ in ("Float32Dtype", "Float64Dtype"):
        return _masked_nan(frame.iloc[:, position].array)
    return None


def _masked_nan(array: Any) -> Optional[str]:
    """A reason if a nullable float column holds nan besides NA: Arrow gets both as null."""
    numbers = array.to_numpy(dtype=array.dtype.numpy_dtype, na_value=0)
    return "it holds nan that is not NA" if (numbers != numbers).any() else None


def categories_reason(dtype_or_index: Any) -> Optional[str]:
    categories = getattr(dtype_or_index, "categories", None)
    if categories is None:
        return None
    if freq_of(categories) is not None:
        return "its categories have a freq"
    if categories.names != [None]:
        return "its categories have a name"
    return objects_reason(categories.to_numpy()) if categories.dtype == object else None


def objects_reason(cells: Any) -> Optional[str]:
    """As cells_of, for an array of objects."""
    kinds = set(map(type, cells))
    missing = "none"
    if type(None) in kinds:
        kinds.discard(type(None))
    elif float in kinds and kinds <= {float, str} and all(cell != cell for cell in cells if type(cell) is float):
        # A column of nan alone does not show its type.
        kinds.discard(float)
        missing = "nan"
    if kinds == {str} or (missing == "nan" and not kinds):
        return missing
    if not kinds:
        return None
    if len(kinds) > 1 or not kinds <= set(_PLAIN):
        return f"its cells are of {', '.join(sorted(kind.__qualname__ for kind in kinds))[:100]}"
    if kinds == {datetime.time} and any(cell is not None and (cell.tzinfo is not None or cell.fold) for cell in cells):
        return "its times have a time zone or a fold"
    if kinds == {decimal.Decimal}:
        shapes = {cell.as_tuple().exponent if cell or not cell.is_signed() else "-0" for cell in cells if cell is not None}
        if len(shapes) > 1 or not all(type(shape) is int and shape <= 0 for shape in shapes):
            return "its decimals are of several scales"
    return None
