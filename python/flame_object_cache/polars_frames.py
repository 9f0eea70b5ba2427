"""Converts polars frames to Arrow tables, if the frame that is read back is equal. Otherwise
returns the reason, and what to pickle instead.

The empty slice of the table is converted back, and its schema is compared: names and types only.
Columns of Object, which Arrow would get as addresses in this process, and columns that make polars
panic are refused before.
"""

from __future__ import annotations

import operator
from typing import Any, Callable, Optional, Tuple, Union

import pyarrow as pa


def table_of(frame: Any) -> Union[pa.Table, str]:
    """The frame's table; or, as text, the reason why it would not come back equal."""
    for name, dtype in frame.schema.items():
        if "\0" in name or _is_inside(dtype, _has_nul):
            return f"column {name!r:.100}: a name has a NUL"
        if _is_inside(dtype, _is_object):
            return f"column {name!r:.100}: its dtype is Object"
        if _is_inside(dtype, _is_array_of_nothing):
            return f"column {name!r:.100}: polars does not read arrays of size 0"
    if frame.width == 0 and frame.height > 0:
        return "the frame has rows and no columns"
    if any(_is_inside(dtype, _is_array) for dtype in frame.dtypes) and max(frame.n_chunks("all")) > 1:
        # polars 1 writes a wrong length for the second chunk of an array column.
        frame = frame.rechunk()
    table = _there_and_back(frame)
    if not isinstance(table, str):
        return table
    # Columns are tried one by one only after a failure, because each costs another conversion.
    for name in frame.columns:
        reason = _there_and_back(frame.select(name))
        if isinstance(reason, str):
            return f"column {name!r:.100}: {reason}"
    return f"a column: {table}"


def _there_and_back(frame: Any) -> Union[pa.Table, str]:
    try:
        table = frame.to_arrow()
        seen = frame_of(table.slice(0, 0)).schema
    except BaseException as error:  # noqa: BLE001  (a panic of polars is not an Exception)
        if not isinstance(error, Exception) and not _is_panic(error):
            raise
        return f"{error!s:.200}"
    changed = [dtype for name, dtype in frame.schema.items() if seen.get(name) != dtype]
    return f"its dtype {changed[0]!s:.100} comes back as another" if changed else table


def _is_panic(error: BaseException) -> bool:
    return type(error).__name__ == "PanicException"


def _has_nul(dtype: Any) -> bool:
    return any("\0" in field.name for field in getattr(dtype, "fields", ()))


def _is_object(dtype: Any) -> bool:
    return bool(dtype.base_type().__name__ == "Object")


def _is_array(dtype: Any) -> bool:
    return hasattr(dtype, "shape")


def _is_array_of_nothing(dtype: Any) -> bool:
    return 0 in (getattr(dtype, "shape", None) or ())


def _is_inside(dtype: Any, holds: Callable[[Any], bool]) -> bool:
    """Whether `holds` is true for the dtype or a dtype inside it."""
    if holds(dtype):
        return True
    inner = [field.dtype for field in getattr(dtype, "fields", ())]
    inner += [dtype.inner] if getattr(dtype, "inner", None) is not None else []
    return any(_is_inside(one, holds) for one in inner)


def frame_of(table: pa.Table) -> Any:
    """The frame of a table. Raises ValueError if polars panics."""
    import polars

    try:
        if "" not in table.column_names:
            return polars.from_arrow(table)
        # polars renames a column with an empty name.
        frame: Any = polars.from_arrow(table.rename_columns([str(at) for at in range(table.num_columns)]))
        frame.columns = table.column_names
        return frame
    except BaseException as error:
        if not _is_panic(error):
            raise
        raise ValueError(f"polars panics: {error!s:.200}") from error


def picklable(frame: Any) -> Optional[Any]:
    """The object to pickle for the frame, in which columns that polars cannot pickle are lists.
    None if the pickle could not be read back.
    """
    by_list = [name for name, dtype in frame.schema.items() if _is_object(dtype) or _is_array_of_nothing(dtype)]
    for name, dtype in frame.schema.items():
        if name not in by_list and _is_inside(dtype, lambda inner: _is_object(inner) or _is_array_of_nothing(inner)):
            return None
    return _Frame(frame, by_list) if by_list else frame


class _Frame:
    """Pickles as a call of a polars class, so that a reader does not need this module."""

    def __init__(self, frame: Any, by_list: Any) -> None:
        self._frame, self._by_list = frame, by_list

    def __reduce__(self) -> Tuple[Any, ...]:
        columns = {name: self._frame[name] for name in self._frame.columns}
        return type(self._frame), ({**columns, **{name: _Column(columns[name]) for name in self._by_list}},)


class _Column:
    def __init__(self, column: Any, ahead: Tuple[Any, ...] = ()) -> None:
        self._column, self._ahead = column, ahead

    def __reduce__(self) -> Tuple[Any, ...]:
        column = self._column
        if _is_object(column.dtype) and not self._ahead:
            # polars would convert a column that begins with an enum member to the members' values.
            return operator.getitem, (_Column(column, (0,)), slice(1, None))
        return type(column), (column.name, [*self._ahead, *column.to_list()], column.dtype)
