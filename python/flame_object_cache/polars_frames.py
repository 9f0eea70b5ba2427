"""polars frames as Arrow tables, where the frame that comes back is equal; else the reason, and what to pickle instead.

The table's empty slice goes there and back and its schema is compared: that looks at types and names alone. Object columns would
be written as addresses in this process, and a name with a NUL ends in a panic, so neither gets as far as Arrow.
"""

from __future__ import annotations

from typing import Any, Tuple, Union

import pyarrow as pa


def table_of(frame: Any) -> Union[pa.Table, str]:
    """The frame's table; or, as text, what about the frame would not come back equal."""
    for name, dtype in frame.schema.items():
        if "\0" in name or _is_inside(dtype, _has_nul):
            return f"column {name!r:.100}: a name has a NUL"
        if _is_inside(dtype, _is_object):
            return f"column {name!r:.100}: its dtype is Object"
    if frame.width == 0 and frame.height > 0:
        return "the frame has rows and no columns"
    try:
        table = frame.to_arrow()
        seen = frame_of(table.slice(0, 0)).schema
    except BaseException as error:
        if not _is_panic(error):
            raise
        return f"polars cannot write it: {error!s:.200}"
    for name, dtype in frame.schema.items():
        if seen.get(name) != dtype:
            return f"column {name!r:.100}: its dtype {dtype} comes back as {seen.get(name)}"
    return table


def _is_panic(error: BaseException) -> bool:
    """A panic of polars is not an Exception."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def _has_nul(dtype: Any) -> bool:
    return any("\0" in field.name for field in getattr(dtype, "fields", ()))


def _is_inside(dtype: Any, holds: Any) -> bool:
    """Whether it holds for the dtype or one within it."""
    if holds(dtype):
        return True
    inner = [field.dtype for field in getattr(dtype, "fields", ())]
    inner += [dtype.inner] if getattr(dtype, "inner", None) is not None else []
    return any(_is_inside(one, holds) for one in inner)


def frame_of(table: pa.Table) -> Any:
    """The frame of a table. Raises ValueError for one that polars has no frame for."""
    import polars

    try:
        if "" not in table.column_names:
            return polars.from_arrow(table)
        # polars gives a column without a name one of its own.
        frame = polars.from_arrow(table.rename_columns([str(at) for at in range(table.num_columns)]))
        frame.columns = table.column_names
        return frame
    except BaseException as error:
        if isinstance(error, Exception) or not _is_panic(error):
            raise
        raise ValueError(f"polars panics: {error!s:.200}") from error


def picklable(frame: Any) -> Any:
    """What pickle is given: the frame, but columns of objects go as lists, because polars does not pickle them."""
    return _Frame(frame) if any(_is_object(dtype) for dtype in frame.dtypes) else frame


def _is_object(dtype: Any) -> bool:
    return bool(dtype.base_type().__name__ == "Object")


class _Frame:
    """Pickled by what polars calls its classes: a reader needs nothing of this module."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    def __reduce__(self) -> Tuple[Any, ...]:
        columns = self._frame.get_columns()
        return type(self._frame), ([_Column(column) if _is_object(column.dtype) else column for column in columns],)


class _Column:
    def __init__(self, column: Any) -> None:
        self._column = column

    def __reduce__(self) -> Tuple[Any, ...]:
        return type(self._column), (self._column.name, self._column.to_list(), self._column.dtype)
