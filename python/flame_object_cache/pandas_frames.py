"""Converts pandas frames to Arrow tables, if the frame that is read back is equal in dtypes,
labels, index, freq, names, attrs and cells.

Arrow restores most frames but silently changes some. So the empty slice of the table is converted
back and compared with the frame. That compares types and labels; cells are checked only in object
columns. Notes in the schema restore what Arrow loses: the `freq` of the index, columns that are a
range, and object columns of text. For any other difference `table_of` returns the reason, and the
frame is pickled.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, Dict, Iterable, Optional, Union

import pyarrow as pa

from .batches import with_metadata
from .pandas_cells import categories_reason, cells_of, freq_of, objects_reason

# Schema metadata: what to restore, as JSON; and what a patch must have, too (docs/protocol.md).
NOTES, FITS = b"flame.cache.pandas", b"flame.cache.fits"
_LABEL_NAMES = (type(None), str, int)
# The nesting depth of JSON in `attrs`.
_ATTRS_DEPTH_MAX = 20
_CATEGORIES_TRIED = 8


def table_of(frame: Any) -> Union[pa.Table, str]:
    """The frame's table with Flame's notes; or the reason why it would not come back equal."""
    reason = _reason_of_labels(frame) or _reason_of_index(frame)
    if reason is not None:
        return reason
    notes: Dict[str, Any] = {}
    objects: Dict[int, str] = {}
    for position, dtype in enumerate(frame.dtypes):
        found = cells_of(frame, position, dtype)
        if found is not None and found not in ("none", "nan"):
            return f"column {_shown(frame.columns[position])}: {found}"
        if found is not None:
            objects[position] = found
    try:
        table = pa.Table.from_pandas(frame)
        seen = _without_rows(table).to_pandas()
    except Exception as error:  # noqa: BLE001  (whatever the frame's objects raise)
        return _reason_of_failure(frame, error)
    reason = _difference(seen, frame, objects)
    if reason is not None:
        return reason
    # A column that comes back unchanged needs no note: most columns of text do.
    notes["objects"] = {at: kind for at, kind in objects.items() if kind == "nan" or seen.dtypes.iloc[at] != object}
    if type(frame.columns).__name__ == "RangeIndex":
        notes["columns"] = [frame.columns.start, frame.columns.stop, frame.columns.step]
    if freq_of(frame.index) is not None:
        notes["freq"] = frame.index.freq.freqstr
    notes = {name: note for name, note in notes.items() if note != {}}
    metadata = {**table.schema.metadata, FITS: _fingerprint(table, frame)}
    return with_metadata(table, {**metadata, NOTES: json.dumps(notes).encode()} if notes else metadata)


def _shown(label: Any) -> str:
    return f"{label!r:.100}"


def _levels(index: Any) -> Iterable[Any]:
    return index.levels if hasattr(index, "levels") else [index]


def _reason_of_labels(frame: Any) -> Optional[str]:
    columns = frame.columns
    if not frame.flags.allows_duplicate_labels:
        return "the frame's flags are not kept by Arrow"
    if not _is_json(frame.attrs):
        return "the frame's attrs are not JSON"
    if not columns.is_unique:
        return f"column {_shown(columns[columns.duplicated()][0])}: its label is not unique"
    if any(type(name) not in _LABEL_NAMES for name in columns.names):
        return f"the names of the columns' labels are not text: {_shown(list(columns.names))}"
    if any(level.inferred_type.startswith("mixed") for level in _levels(columns)):
        return f"the columns' labels are of several types: {_shown(list(columns[:4]))}"
    if any(level.dtype == object and not all(type(label) is str for label in level) for level in _levels(columns)):
        return f"the columns' labels are objects: {_shown(list(columns[:4]))}"
    return None


def _reason_of_index(frame: Any) -> Optional[str]:
    index = frame.index
    if any(type(name) not in (type(None), str) for name in index.names):
        return f"the names of the index are not text: {_shown(list(index.names))}"
    freq = freq_of(index)
    if freq is not None and not _is_told_by_name(freq):
        return f"the index's freq {freq!r} cannot be restored from its name"
    for number, level in enumerate(_levels(index)):
        found = objects_reason(level.to_numpy()) if level.dtype == object else categories_reason(level)
        if found not in (None, "none"):
            reason = "a missing label is nan" if found == "nan" else found
            return f"level {number} of the index ({_shown(level.name)}): {reason}"
    return None


def _is_told_by_name(freq: Any) -> bool:
    from pandas.tseries.frequencies import to_offset

    try:
        named = to_offset(freq.freqstr)
    except ValueError:
        return False
    return type(named) is type(freq) and bool(named == freq)


def _is_json(value: Any, depth: int = 0) -> bool:
    """Whether the value survives a round trip through JSON unchanged."""
    kind = type(value)
    if kind is dict:
        return depth < _ATTRS_DEPTH_MAX and all(type(name) is str and _is_json(item, depth + 1) for name, item in value.items())
    if kind is list:
        return depth < _ATTRS_DEPTH_MAX and all(_is_json(item, depth + 1) for item in value)
    return kind in (str, int, bool, type(None)) or (kind is float and math.isfinite(value))


def _without_rows(table: pa.Table) -> pa.Table:
    """The empty slice of the table, with its first few categories. They show how all categories
    come back, because objects were checked before.
    """
    empty = table.slice(0, 0)
    for at, field in enumerate(table.schema):
        if pa.types.is_dictionary(field.type) and table.column(at).num_chunks:
            chunk = table.column(at).chunk(0)
            words = chunk.dictionary.slice(0, _CATEGORIES_TRIED)
            tried = pa.DictionaryArray.from_arrays(chunk.indices.slice(0, 0), words, ordered=field.type.ordered)
            empty = empty.set_column(at, field, tried)
    return empty


def _reason_of_failure(frame: Any, error: Exception) -> str:
    """Names the column that Arrow cannot write or cannot read back."""
    for position, label in enumerate(frame.columns):
        try:
            alone = frame.iloc[:, [position]].reset_index(drop=True).set_axis(["column"], axis=1)
            pa.Table.from_pandas(alone).slice(0, 0).to_pandas()
        except Exception as own:  # noqa: BLE001  (as above)
            return f"column {_shown(label)}: {own!s:.200}"
    return f"the frame's index or labels: {error!s:.200}"


def _difference(seen: Any, frame: Any, objects: Dict[int, str]) -> Optional[str]:
    """The difference between the empty slice that came back from Arrow and the frame."""
    if len(seen.dtypes) != len(frame.dtypes):
        return "Arrow misreads the frame's labels and loses columns"
    for position, (dtype, put) in enumerate(zip(seen.dtypes, frame.dtypes)):
        if not _same_dtype(dtype, put) and position not in objects:
            return f"column {_shown(frame.columns[position])}: its dtype {_shown(put)} comes back as {_shown(dtype)}"
    is_range = type(frame.columns).__name__ == "RangeIndex"
    if seen.columns.name != frame.columns.name if is_range else not _same_labels(seen.columns, frame.columns):
        return f"the columns' labels {_shown(list(frame.columns[:4]))} come back as {_shown(list(seen.columns[:4]))}"
    if not _is_json(seen.attrs) or repr(seen.attrs) != repr(frame.attrs):
        return "the frame's attrs are not kept by Arrow"
    if type(frame.index).__name__ == "RangeIndex":
        return None
    if type(seen.index) is not type(frame.index) or list(seen.index.names) != list(frame.index.names):
        return f"the index {type(frame.index).__name__} {_shown(list(frame.index.names))} is not kept by Arrow"
    for number, (level, put) in enumerate(zip(_levels(seen.index), _levels(frame.index))):
        if not _same_dtype(level.dtype, put.dtype):
            return f"level {number} of the index: its dtype {_shown(put.dtype)} comes back as {_shown(level.dtype)}"
    return None


def _same_dtype(seen: Any, put: Any) -> bool:
    if type(seen) is not type(put):
        return False
    if hasattr(put, "categories"):
        # Equal dtypes can have their categories in different orders.
        return seen.ordered == put.ordered and _same_labels(seen.categories, put.categories[:_CATEGORIES_TRIED])
    if hasattr(put, "storage"):
        return bool(seen == put) and seen.storage == put.storage and seen.na_value is put.na_value
    return bool(seen == put) and str(seen) == str(put)


def _same_labels(seen: Any, put: Any) -> bool:
    """Whether two indexes are equal in type, names, dtypes and labels."""
    if list(seen.names) != list(put.names) or [type(name) for name in seen.names] != [type(name) for name in put.names]:
        return False
    if type(seen) is not type(put) or seen.nlevels != put.nlevels or not seen.equals(put) or freq_of(put) is not None:
        return False
    pairs = [(seen.get_level_values(at), put.get_level_values(at)) for at in range(put.nlevels)]
    if not all(_same_dtype(ours.dtype, theirs.dtype) for ours, theirs in pairs):
        return False
    return all(type(a) is type(b) and str(a) == str(b) for ours, theirs in pairs if theirs.dtype == object for a, b in zip(ours, theirs))


def _fingerprint(table: pa.Table, frame: Any) -> bytes:
    """A hash of what appended rows must share besides the schema: labels, dtypes, names, and the
    order of ordered categories.
    """
    said = table.schema.pandas_metadata
    index = [["range", at["name"], at["step"]] if isinstance(at, dict) else at for at in said["index_columns"]]
    columns = [[column["name"], column["field_name"], column["numpy_type"]] for column in said["columns"]]
    ordered = [
        list(map(str, dtype.categories))
        for dtype in (*frame.dtypes, *(level.dtype for level in _levels(frame.index)))
        if getattr(dtype, "ordered", False)
    ]
    text = json.dumps([columns, said["column_indexes"], index, ordered])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:32].encode()


def frame_of(table: pa.Table, notes: Optional[bytes]) -> Any:
    """The frame of a table. Raises whatever Arrow and pandas raise for damaged metadata."""
    import pandas

    frame = table.to_pandas()
    said = table.schema.pandas_metadata or {}
    ranges = [at for at in said.get("index_columns", []) if isinstance(at, dict)]
    if len(ranges) == 1 and len(said["index_columns"]) == 1:
        # Appended rows continue the range.
        start, step = ranges[0]["start"], ranges[0]["step"]
        frame.index = pandas.RangeIndex(start, start + step * table.num_rows, step, name=ranges[0]["name"])
    frame.index = _with_text_as_objects(frame.index, table, said)
    noted = {} if notes is None else json.loads(notes)
    for position, missing in noted.get("objects", {}).items():
        column = table.column(int(position))
        cells = column.to_numpy().astype(object)
        if missing == "nan":
            cells[column.is_null().to_numpy()] = math.nan
        frame.isetitem(int(position), pandas.Series(cells, index=frame.index, dtype=object))
    if "columns" in noted:
        frame.columns = pandas.RangeIndex(*noted["columns"], name=frame.columns.name)
    if "freq" in noted:
        _restore_freq(frame.index, noted["freq"])
    return frame


def _with_text_as_objects(index: Any, table: pa.Table, said: Dict[str, Any]) -> Any:
    """The index with its levels of text as objects, if they were objects at the put.

    pyarrow 18 gives them the `str` dtype of pandas 3, but only if there are rows.
    """
    kinds = {column["field_name"]: column["numpy_type"] for column in said.get("columns", [])}
    fields = said.get("index_columns", [])
    for number, (field, level) in enumerate(zip(fields, _levels(index))):
        if type(level.dtype).__name__ != "StringDtype" or kinds.get(field) != "object":
            continue
        if hasattr(index, "levels"):
            index = index.set_levels(level.astype(object), level=number)
        else:
            # From Arrow: a missing label has become nan.
            cells = table.column(field).to_numpy().astype(object)
            index = type(index)(cells, dtype=object, name=index.name)
    return index


def _restore_freq(index: Any, freq: str) -> None:
    from pandas.tseries.frequencies import to_offset

    offset = to_offset(freq)
    try:
        index.freq = offset
    except ValueError:
        # The appended rows do not follow this freq.
        pass


