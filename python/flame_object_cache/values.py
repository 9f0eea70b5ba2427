"""Python values as the cache holds them: a table, or an opaque value of 4 bytes of tag and a payload.

    FLM\\x00 cloudpickle              FLM\\x03 array: IPC stream of one column `data`
    FLM\\x01 numpy: Arrow tensor      FLM\\x04 record batch: IPC stream
    FLM\\x02 table: IPC stream        FLM\\x05 JSON, UTF-8        FLM\\x06 bytes

Tables, record batches and frames are put as tables. No tag means a bare cloudpickle (generation 1). Nothing large is copied:
an opaque value is encoded as parts that are views of it. Payloads of Arrow are padded so that their data lies
at multiples of 64 bytes where the tag does, and are read as views.
"""

from __future__ import annotations

import json
import math
import pickle
import struct
from typing import Any, Callable, Dict, Iterable, List, Optional, Union, cast

import cloudpickle
import pyarrow as pa

from . import pandas_frames, polars_frames, tabular
from .batches import batches_of, empty_array, with_metadata
from .config import current_config
from .errors import InvalidValue, PickleRefused, UnreadableValue
from .soundness import checked
from .tabular import kind_of as _kind_of

PICKLE, TENSOR, TABLE, ARRAY, BATCH, JSON, BYTES = (b"FLM" + bytes([tag]) for tag in range(7))
FORMAT, LOGICAL_TYPE = b"flame.cache.format", b"flame.cache.logical_type"
_CHUNKED = b"pyarrow.chunked_array"
_PANDAS, _POLARS = b"pandas.dataframe", b"polars.dataframe"
SAFE_INTEGER = 2**53 - 1
# Deeper values are pickled: not every JSON parser follows.
JSON_DEPTH_MAX = 100
# Nodes of a value once written out; one that shares its parts can be exponentially larger than it looks.
JSON_NODES_MAX = 1 << 26
# Head of a tensor message, bytes: shape and strides of 64 dimensions fit.
_TENSOR_HEAD_MAX = 8192
# What bytes that are not what they say make readers raise. OSError is pyarrow's own for a malformed message.
_DAMAGE = (pa.ArrowException, OSError, ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
# Buffers up to this size are joined with their neighbours.
COPIED_BYTES_MAX = 1 << 16

Parts = List[pa.Buffer]
Encoded = Union[pa.Table, Parts]


def encode_value(obj: Any, *, legacy: bool = False) -> Union[pa.Table, bytes]:
    """What is stored for a value: a table with Flame's metadata, or the bytes of an opaque one. Raises InvalidValue."""
    encoded = encode(obj, legacy=legacy)
    return b"".join(encoded) if isinstance(encoded, list) else encoded


def encode(obj: Any, *, legacy: bool = False) -> Encoded:
    """As encode_value, but an opaque value comes as parts to be joined. `legacy`: only what generation 2 reads."""
    obj = tabular.collected(obj)
    table = _as_table(obj)
    if isinstance(table, str):
        return _pickled_frame(obj, table)
    if table is not None:
        # Two columns named like those of an opaque value would be taken for one.
        return [pa.py_buffer(TABLE), *_stream(table)] if is_opaque(table.schema) else table
    if isinstance(obj, (pa.Array, pa.ChunkedArray)):
        return [pa.py_buffer(ARRAY), *_array_parts(obj)]
    if _kind_of(obj) == "numpy.ndarray" and _fits_tensor(obj):
        return _tensor_parts(obj)
    if type(obj) in (bytes, bytearray, memoryview) or isinstance(obj, pa.Buffer):
        if isinstance(obj, memoryview) and not obj.c_contiguous:
            obj = obj.tobytes()
        return _pickled(bytes(obj)) if legacy else [pa.py_buffer(BYTES), pa.py_buffer(obj)]
    text = None if legacy else _json_of(obj)
    return _pickled(obj) if text is None else [pa.py_buffer(JSON + text)]


def _pickled(obj: Any) -> Parts:
    try:
        return [pa.py_buffer(PICKLE), pa.py_buffer(cloudpickle.dumps(obj))]
    except Exception as error:  # noqa: BLE001  (whatever the value's own methods raise)
        raise InvalidValue("INVALID_VALUE", f"a value of {type(obj)} cannot be pickled: {error}") from error


def _pickled_frame(frame: Any, reason: str) -> Parts:
    """A frame that Arrow would change."""
    if not current_config().allow_pickle:
        text = f"the frame would not come back equal from an Arrow table, and pickles are switched off (allow_pickle): {reason}"
        raise InvalidValue("INVALID_VALUE", text)
    picklable = polars_frames.picklable(frame) if _kind_of(frame) == "polars.DataFrame" else frame
    if picklable is None:
        raise InvalidValue("INVALID_VALUE", f"neither Arrow nor pickle keeps the frame: {reason}")
    try:
        return _pickled(picklable)
    except InvalidValue as error:
        raise InvalidValue("INVALID_VALUE", f"{error.text}; {reason}") from error


def _as_table(obj: Any) -> Union[pa.Table, str, None]:
    """None for what is no table; for a frame that would not come back equal the reason."""
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
    """Whether the server takes a put of this schema for an opaque value, whatever its metadata."""
    if schema.names != ["version", "data"] or schema.field(0).type != pa.uint64():
        return False
    return schema.field(1).type in (pa.binary(), pa.large_binary())


class _Sink:
    """A file for Arrow's writers that keeps references to large buffers instead of their bytes."""

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
    """What `pa.ipc.new_stream` or `new_file` writes: first the head, and large buffers as they are."""
    sink = _Sink()
    with pa.PythonFile(sink, "w") as file, new(file, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    sink.flush()
    return sink.parts


def _stream(table: pa.Table) -> Parts:
    head, *more = written_parts(pa.ipc.new_stream, table.schema, batches_of(table))
    return [pa.py_buffer(_padded(head.to_pybytes())), *more]


def _padded(head: bytes) -> bytes:
    """Lengthens the first message, so that what comes after it is at a multiple of 64 behind 4 bytes of tag."""
    (size,) = struct.unpack_from("<i", head, 4)
    padding = -(4 + 8 + size) % 64
    return head[:4] + struct.pack("<i", size + padding) + head[8 : 8 + size] + bytes(padding) + head[8 + size :]


def _array_parts(array: Union[pa.Array, pa.ChunkedArray]) -> Parts:
    metadata = None
    if isinstance(array, pa.ChunkedArray):
        metadata = {LOGICAL_TYPE: _CHUNKED}
        # One batch, because that is what clients of generation 2 read.
        array = array.combine_chunks()
    schema = pa.schema([pa.field("data", array.type)], metadata=metadata)
    return _stream(pa.Table.from_arrays([array], schema=schema))


def _fits_tensor(array: Any) -> bool:
    """Arrow's tensors are of integers and floats up to 64 bits in native order; bool, complex, time and text are not."""
    return array.dtype.kind in "iuf" and array.dtype.itemsize <= 8 and bool(array.dtype.isnative)


def _tensor_parts(array: Any) -> Parts:
    if not array.flags.forc:
        array = array.copy(order="C")
    space = pa.allocate_buffer(_TENSOR_HEAD_MAX)
    with pa.FixedSizeBufferWriter(space) as sink:
        try:
            pa.ipc.write_tensor(pa.Tensor.from_numpy(array), sink)
        except OSError:
            pass  # The head is written; that the data has no room here is meant.
    head = space.slice(0, 8 + struct.unpack_from("<i", space, 4)[0]).to_pybytes()
    data = memoryview(array if array.flags.c_contiguous else array.T)
    return [pa.py_buffer(TENSOR + _padded(head)), pa.py_buffer(data)]


def _json_of(obj: Any) -> Optional[bytes]:
    """JSON of a value that every reader gets back as it was; None for any other."""
    if not 0 < _json_nodes(obj, 0, {}) <= JSON_NODES_MAX:
        return None
    try:
        return json.dumps(obj, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (RecursionError, UnicodeEncodeError):
        return None


def _json_nodes(value: Any, depth: int, known: Dict[int, int]) -> int:
    """Nodes of the value written out; 0 when it is not JSON, a part of itself, or too deep."""
    kind = type(value)
    if kind in (str, bool, type(None)):
        return 1
    if kind is int:
        return int(-SAFE_INTEGER <= value <= SAFE_INTEGER)
    if kind is float:
        return int(math.isfinite(value))
    if kind not in (list, dict) or depth >= JSON_DEPTH_MAX:
        return 0
    if id(value) in known:
        return known[id(value)]
    known[id(value)] = 0
    total = 1
    for name, item in value.items() if kind is dict else enumerate(value):
        nodes = _json_nodes(item, depth + 1, known)
        if nodes == 0 or (kind is dict and type(name) is not str):
            return 0
        total += nodes
    known[id(value)] = total
    return total


def decode_value(payload: Any, *, allow_pickle: bool = True, view: bool = False) -> Any:
    """The value of a table or of an opaque value's bytes; arrays and tables are views of them, read-only.

    `view`: what was put as bytes comes as a memoryview instead of a copy.
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
            raise UnreadableValue("UNREADABLE_VALUE", f"its {tag!r} is damaged: {error}") from error
    if not is_pickle(buffer):
        what = f"has the type tag {tag!r}, unknown here" if tag[:3] == b"FLM" else "is bare bytes: use download_object"
        raise UnreadableValue("UNREADABLE_VALUE", f"the object {what}")
    return _unpickled(body if tag == PICKLE else buffer, allow_pickle)


def is_pickle(payload: Union[pa.Table, pa.Buffer]) -> bool:
    """Whether `decode_value` would unpickle it."""
    if isinstance(payload, pa.Table):
        return False
    start = payload.slice(0, min(4, payload.size)).to_pybytes()
    return bool(start == PICKLE or start[:1] == b"\x80")


def _unpickled(buffer: pa.Buffer, allow_pickle: bool) -> Any:
    if not allow_pickle:
        reason = "the object is a pickle (FLM\\x00), and unpickling is switched off: allow_pickle"
        raise PickleRefused("UNREADABLE_VALUE", reason)
    try:
        return pickle.loads(buffer)
    except Exception as error:  # noqa: BLE001  (whatever the pickled classes raise)
        raise UnreadableValue("UNREADABLE_VALUE", f"it cannot be unpickled: {error!r}") from error


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
    except Exception as error:  # noqa: BLE001  (what pandas makes of metadata that is damaged is anything)
        raise UnreadableValue("UNREADABLE_VALUE", f"no frame can be made of the table: {error!r}") from error
    return _only_batch(table) if logical == b"pyarrow.record_batch" else table


def _only_batch(table: pa.Table) -> pa.RecordBatch:
    batches = batches_of(table)
    if len(batches) > 1:
        batches = batches_of(table.combine_chunks())
    return batches[0] if batches else pa.RecordBatch.from_arrays(list(map(empty_array, table.schema.types)), schema=table.schema)


def _read_stream(body: pa.Buffer) -> pa.Table:
    # The server keeps it as bytes and has not looked at it.
    return checked(cast(pa.Table, pa.ipc.open_stream(body).read_all()))


def _read_tensor(body: pa.Buffer) -> Any:
    array = pa.ipc.read_tensor(pa.BufferReader(body)).to_numpy()
    ahead = array.ctypes.data - body.address
    span = sum((size - 1) * stride for size, stride in zip(array.shape, array.strides)) + array.itemsize
    # Strides of zero would make an array of any size out of a few bytes.
    if array.size and not (0 <= ahead <= body.size - span and array.nbytes <= body.size):
        raise ValueError("its shape and strides do not fit its bytes")
    if not array.flags.aligned:
        array = array.copy(order="K")
    array.flags.writeable = False
    return array


def _read_array(body: pa.Buffer) -> Any:
    table = _read_stream(body)
    column = table.column(0)
    is_chunked = (table.schema.metadata or {}).get(LOGICAL_TYPE) == _CHUNKED
    if is_chunked or column.num_chunks > 1:
        return column
    # Older clients wrote no batch of an array without elements.
    return column.chunk(0) if column.num_chunks == 1 else empty_array(column.type)


def _read_json(body: pa.Buffer) -> Any:
    # A number beyond the integers of JSON's readers was a float where it was written.
    return json.loads(body.to_pybytes(), parse_int=_read_integer)


def _read_integer(text: str) -> Union[int, float]:
    value = int(text) if len(text) <= 17 else SAFE_INTEGER + 1
    return value if abs(value) <= SAFE_INTEGER else float(text)


_READERS: Dict[bytes, Callable[[pa.Buffer], Any]] = {
    TENSOR: _read_tensor,
    TABLE: lambda body: _from_table(_read_stream(body)),
    ARRAY: _read_array,
    BATCH: lambda body: _only_batch(_read_stream(body)),
    JSON: _read_json,
}
