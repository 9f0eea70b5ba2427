"""Python values as the cache stores them: as a table, or as a tag of 4 bytes and a payload.

    FLM\\x00 cloudpickle              FLM\\x03 array: IPC stream of one column `data`
    FLM\\x01 numpy: Arrow tensor      FLM\\x04 record batch: IPC stream
    FLM\\x02 table: IPC stream        FLM\\x05 JSON, UTF-8        FLM\\x06 bytes
    FLM\\x07 cloudpickle, its large buffers apart (buffered_pickle.py)

Tables, record batches and frames are put as tables. A value without a tag is a bare cloudpickle
(generation 1). Large buffers are not copied: an opaque value is encoded as parts that are views of
it. Arrow payloads are padded so that their data is aligned to 64 bytes if the tag is, and are read
as views.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Optional, Union, cast

import pyarrow as pa

from . import pandas_frames, polars_frames, tabular
from .batches import batches_of, empty_array, with_metadata
from .config import current_config
from .errors import InvalidValue, UnreadableValue
from .json_text import decode_json, encode_json
from .pickles import BUFFERED, begins_pickle, pickled, unpickled
from .soundness import checked
from .streams import reader_of
from .tabular import kind_of as _kind_of
from .tensors import fits_tensor, padded, read_tensor, tensor_parts

TENSOR, TABLE, ARRAY, BATCH, JSON, BYTES = (b"FLM" + bytes([tag]) for tag in range(1, 7))
FORMAT, LOGICAL_TYPE = b"flame.cache.format", b"flame.cache.logical_type"
_CHUNKED = b"pyarrow.chunked_array"
_PANDAS, _POLARS = b"pandas.dataframe", b"polars.dataframe"
# Exceptions that readers raise for damaged bytes. pyarrow raises OSError for a malformed message.
_DAMAGE = (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
# Buffers up to this size are joined with their neighbours.
COPIED_BYTES_MAX = 1 << 16

Parts = List[pa.Buffer]
Encoded = Union[pa.Table, pa.RecordBatchReader, Parts]


def encode_value(obj: Any, *, legacy: bool = False) -> Union[pa.Table, bytes]:
    """The stored form of a value: a table with Flame's metadata, or the bytes of an opaque value.

    Raises InvalidValue.
    """
    encoded = encode(obj, legacy=legacy)
    if isinstance(encoded, list):
        return b"".join(encoded)
    return encoded.read_all() if isinstance(encoded, pa.RecordBatchReader) else encoded


def encode(obj: Any, *, legacy: bool = False) -> Encoded:
    """As encode_value, but an opaque value is returned as parts to be joined, and a stream of
    batches is returned unread.

    `legacy`: writes only what generation 2 reads.
    """
    obj = tabular.collected(obj)
    stream = reader_of(obj)
    if stream is not None:
        return _stream_of_batches(stream)
    table = _as_table(obj)
    if isinstance(table, str):
        return _pickled_frame(obj, table)
    if table is not None:
        # The server would take a table with the columns of an opaque value for an opaque value.
        return [pa.py_buffer(TABLE), *_stream(table)] if is_opaque(table.schema) else table
    if isinstance(obj, (pa.Array, pa.ChunkedArray)):
        return [pa.py_buffer(ARRAY), *_array_parts(obj)]
    if _kind_of(obj) == "numpy.ndarray" and fits_tensor(obj):
        return tensor_parts(TENSOR, obj)
    if type(obj) in (bytes, bytearray, memoryview) or isinstance(obj, pa.Buffer):
        if isinstance(obj, memoryview) and not obj.c_contiguous:
            obj = obj.tobytes()
        return pickled(bytes(obj)) if legacy else [pa.py_buffer(BYTES), pa.py_buffer(obj)]
    text = None if legacy else encode_json(obj)
    if text is not None:
        return [pa.py_buffer(JSON), pa.py_buffer(text)]
    # Callers change frames and their parts in place, which views of received memory do not allow.
    return pickled(obj, in_band=legacy or _kind_of(obj).startswith(("pandas.", "polars.")))


def _stream_of_batches(reader: pa.RecordBatchReader) -> Encoded:
    if is_opaque(reader.schema):
        return encode(reader.read_all())
    metadata = {**(reader.schema.metadata or {}), FORMAT: b"arrow-table-v1", LOGICAL_TYPE: b"pyarrow.table"}
    return pa.RecordBatchReader.from_batches(reader.schema.with_metadata(metadata), reader)


def _pickled_frame(frame: Any, reason: str) -> Parts:
    """The pickle of a frame that Arrow would change. `reason` says what would change."""
    if not current_config().allow_pickle:
        text = f"the frame would not come back equal from an Arrow table, and pickles are switched off (allow_pickle): {reason}"
        raise InvalidValue("INVALID_VALUE", text)
    picklable = polars_frames.picklable(frame) if _kind_of(frame) == "polars.DataFrame" else frame
    if picklable is None:
        raise InvalidValue("INVALID_VALUE", f"neither Arrow nor pickle keeps the frame: {reason}")
    try:
        return pickled(picklable)
    except InvalidValue as error:
        raise InvalidValue("INVALID_VALUE", f"{error.text}; {reason}") from error


def _as_table(obj: Any) -> Union[pa.Table, str, None]:
    """The table of a table-like value; None for other values. For a frame that would not come back
    equal: the reason.
    """
    kind = _kind_of(obj)
    if isinstance(obj, pa.Table):
        table, logical = obj, b"pyarrow.table"
    elif isinstance(obj, pa.RecordBatch):
        table, logical = pa.Table.from_batches([obj]), b"pyarrow.record_batch"
    elif kind in ("pandas.DataFrame", "polars.DataFrame"):
        frames, logical = (pandas_frames, _PANDAS) if kind == "pandas.DataFrame" else (polars_frames, _POLARS)
        try:
            table = frames.table_of(obj)
        except Exception as error:  # noqa: BLE001  (whatever the objects in the frame raise)
            return f"Arrow cannot write it: {error!s:.300}"
        if isinstance(table, str):
            return table
    else:
        table, logical = tabular.table_of(obj), b"dataset"
        if table is None:
            return None
    metadata = {**(table.schema.metadata or {}), FORMAT: b"arrow-table-v1", LOGICAL_TYPE: logical}
    return with_metadata(table, metadata)


def is_opaque(schema: pa.Schema) -> bool:
    """Whether the server treats a put of this schema as an opaque value, whatever its metadata."""
    if schema.names != ["version", "data"] or schema.field(0).type != pa.uint64():
        return False
    return schema.field(1).type in (pa.binary(), pa.large_binary())


class _Sink:
    """A file for Arrow's writers that references large buffers instead of copying them."""

    closed = False

    def __init__(self) -> None:
        self.parts: Parts = []
        self._small = bytearray()

    def write(self, chunk: Union[bytes, pa.Buffer]) -> None:
        if len(chunk) <= COPIED_BYTES_MAX:
            self._small += chunk
        else:
            self.flush()
            self.parts.append(pa.py_buffer(chunk))

    def flush(self) -> None:
        if self._small:
            self.parts.append(pa.py_buffer(bytes(self._small)))
            self._small.clear()

    close = flush


def written_parts(new: Callable[..., Any], schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> Parts:
    """The output of `pa.ipc.new_stream` or `new_file`, as parts. The head is first; large buffers
    are not copied.
    """
    sink = _Sink()
    with pa.PythonFile(sink, "w") as file, new(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    sink.flush()
    return sink.parts


def _stream(table: pa.Table) -> Parts:
    head, *more = written_parts(pa.ipc.new_stream, table.schema, batches_of(table))
    return [pa.py_buffer(padded(head.to_pybytes())), *more]


def _array_parts(array: Union[pa.Array, pa.ChunkedArray]) -> Parts:
    metadata = None
    if isinstance(array, pa.ChunkedArray):
        metadata = {LOGICAL_TYPE: _CHUNKED}
        # Clients of generation 2 read only one batch.
        array = array.combine_chunks()
    schema = pa.schema([pa.field("data", array.type)], metadata=metadata)
    return _stream(pa.Table.from_arrays([array], schema=schema))


def decode_value(payload: Any, *, allow_pickle: bool = True, view: bool = False) -> Any:
    """The value of a table or of an opaque value's bytes. Arrays and tables are read-only views of
    `payload`.

    `view`: True returns a value that was put as bytes as a memoryview instead of a copy.
    Raises UnreadableValue, PickleRefused before a byte is unpickled.
    """
    if isinstance(payload, pa.Table):
        return _from_table(payload)
    buffer = payload if isinstance(payload, pa.Buffer) else pa.py_buffer(payload)
    tag, body = buffer.slice(0, min(4, buffer.size)).to_pybytes(), buffer.slice(min(4, buffer.size))
    if tag == BYTES:
        return memoryview(body) if view else body.to_pybytes()
    reader = _READERS.get(tag)
    if reader is not None:
        try:
            return reader(body)
        except _DAMAGE as error:
            raise UnreadableValue("UNREADABLE_VALUE", f"the value with tag {tag!r} is damaged: {error}") from error
    if not begins_pickle(tag):
        is_tagged = tag[:3] == b"FLM"
        what = f"has the unknown type tag {tag!r}" if is_tagged else "has no type tag: use download_object"
        raise UnreadableValue("UNREADABLE_VALUE", f"the object {what}")
    return unpickled(buffer, allow_pickle)


def is_pickle(payload: Union[pa.Table, pa.Buffer]) -> bool:
    """Whether `decode_value` would unpickle the payload."""
    if isinstance(payload, pa.Table):
        return False
    return begins_pickle(payload.slice(0, min(4, payload.size)).to_pybytes())


def is_view(payload: Union[pa.Table, pa.Buffer]) -> bool:
    """Whether the value that `decode_value` returns is a view of the payload."""
    if isinstance(payload, pa.Table):
        return (payload.schema.metadata or {}).get(LOGICAL_TYPE) not in (_PANDAS, _POLARS)
    return payload.slice(0, min(4, payload.size)).to_pybytes() in (TENSOR, TABLE, ARRAY, BATCH, BUFFERED)


def _from_table(table: pa.Table) -> Any:
    metadata = table.schema.metadata or {}
    logical = metadata.get(LOGICAL_TYPE)
    own = {name: text for name, text in metadata.items() if not name.startswith(b"flame.cache.")}
    table = with_metadata(table, own or None)
    try:
        if logical == _PANDAS:
            return pandas_frames.frame_of(table, metadata.get(pandas_frames.NOTES))
        if logical == _POLARS:
            return polars_frames.frame_of(table)
    except ImportError as error:
        raise UnreadableValue("UNREADABLE_VALUE", f"a frame needs its library: {error}") from error
    except Exception as error:  # noqa: BLE001  (damaged metadata makes pandas raise anything)
        text = f"the table cannot be converted to a frame: {error!r}"
        raise UnreadableValue("UNREADABLE_VALUE", text) from error
    return _only_batch(table) if logical == b"pyarrow.record_batch" else table


def _only_batch(table: pa.Table) -> pa.RecordBatch:
    batches = batches_of(table)
    if len(batches) > 1:
        batches = batches_of(table.combine_chunks())
    return batches[0] if batches else pa.RecordBatch.from_arrays(list(map(empty_array, table.schema.types)), schema=table.schema)


def _read_stream(body: pa.Buffer) -> pa.Table:
    # The server stores the stream as bytes and does not validate it.
    return checked(cast(pa.Table, pa.ipc.open_stream(body).read_all()))


def _read_array(body: pa.Buffer) -> Any:
    table = _read_stream(body)
    column = table.column(0)
    is_chunked = (table.schema.metadata or {}).get(LOGICAL_TYPE) == _CHUNKED
    if is_chunked or column.num_chunks > 1:
        return column
    # Older clients wrote no batch for an empty array.
    return column.chunk(0) if column.num_chunks == 1 else empty_array(column.type)


_READERS: Dict[bytes, Callable[[pa.Buffer], Any]] = {
    TENSOR: read_tensor,
    TABLE: lambda body: _from_table(_read_stream(body)),
    ARRAY: _read_array,
    BATCH: lambda body: _only_batch(_read_stream(body)),
    JSON: lambda body: decode_json(memoryview(body)),
}
