"""Reads the answer of a get: rows of an opaque value, batches of a table, or the object's own file
on this host.

A get is one call. It sends the version that this process keeps. The server answers with nothing if
that version is current, with the patches since then, with the location of a large file, or with the
whole object. A value in several rows is joined while the rows arrive, so that memory holds little
more than the value itself.
"""

from __future__ import annotations

import logging
import re
from dataclasses import replace
from itertools import repeat
from typing import Any, Iterator, List, Optional, Tuple, Union

import pyarrow as pa
import pyarrow.flight as flight

from . import local_files, values
from .batches import with_metadata
from .config import Config, check_endpoint
from .connection import calling
from .errors import PYARROW_ERRORS, FlameError, ObjectNotFound, flight_errors, translate
from .kept import Cell, Payload, Stored, kept_objects
from .names import ObjectRef
from .soundness import checked

log = logging.getLogger("flame_object_cache")
_VERSION, _INSTANCE, _FILE = b"flame.cache.version", b"flame.cache.instance", b"flame.cache.file"
_REPLICAS = b"flame.cache.replicas"
_VERSION_DIGITS_MAX = 20
# The instance is sent back to the server in a header.
_SOUND_INSTANCE = re.compile(rb"[0-9A-Za-z-]{1,64}")
_DAMAGE = (pa.ArrowException, ValueError, LookupError, TypeError, OverflowError)


def read(
    ref: ObjectRef, config: Config, zero_copy: bool, at_least: bool = False, *, keep: bool = True
) -> Stored:
    """The current object; with `at_least`, that of the reference's version or a later one. A
    reference of version 0 asks for the whole object.
    """
    route = calling(ref.endpoint, config, ref.key)
    with route as connection:
        # Mapped and received forms of an object are kept apart, as are checked and unchecked ones.
        place = (check_endpoint(ref.endpoint), ref.key, zero_copy and connection.is_local, config.validate)
        held = kept_objects.find(place) if keep and ref.version else None
        takes_location = zero_copy and connection.asks_for_files()
        try:
            stored = _ask(route, ref.key, held, takes_location, ref.version if at_least else 0)
        except PYARROW_ERRORS as error:
            failure = translate(error)
            if isinstance(failure, ObjectNotFound):
                kept_objects.forget(place)
            raise failure from error
    if stored is held or not keep:
        return stored
    return kept_objects.keep(place, stored, config.kept_bytes)


def _ask(
    route: calling, key: str, held: Optional[Stored], takes_location: bool, at_least: int = 0
) -> Stored:
    reader = _begin(route, key, held, takes_location, at_least)
    metadata = reader.schema.metadata or {}
    instance = metadata.get(_INSTANCE, b"")
    if not _SOUND_INSTANCE.fullmatch(instance):
        instance = b""
    is_table = values.FORMAT in metadata
    if not is_table and (_FILE not in metadata or not takes_location):
        return _opaque(reader, held, instance)
    version = _number(metadata.get(_VERSION, b""))
    if is_table:
        return Stored(Cell(checked(reader.read_all())), [], version, instance)
    reader.read_all()
    table = _open(metadata[_FILE], key)
    route.connection.learn(opened=table is not None)
    if table is None:
        return _ask(route, key, held, takes_location=False, at_least=at_least)
    with _answers():
        if not values.is_opaque(table.schema):
            return Stored(Cell(table), [], version, instance)
        cells = [cell for chunk in table.column("data").chunks for cell in _cells_of(chunk)]
    return Stored(Cell(_joined(cells)), [], version, instance)


def _begin(
    route: calling, key: str, held: Optional[Stored], takes_location: bool, at_least: int = 0
) -> flight.FlightStreamReader:
    version, instance = (held.version, held.instance) if held is not None else (0, b"")
    on = route.connection
    # A variable with the options, which contain the token, would be visible in a traceback.
    reader = on.client.do_get(
        flight.Ticket(f"{key}:{version}"),
        on.get_options(instance, takes_location, route.replicas.tag, at_least),
    )
    metadata = reader.schema.metadata
    if metadata is not None and _REPLICAS in metadata:
        route.replicas.learn(metadata[_REPLICAS])
    return reader


def _number(text: bytes) -> int:
    return int(text) if len(text) <= _VERSION_DIGITS_MAX and text.isdigit() else 0


def _open(location: bytes, key: str) -> Optional[pa.Table]:
    """The object as views of its file; None if the file cannot be opened here."""
    try:
        return local_files.open_location(location.decode(), key)
    except (OSError, ValueError, pa.ArrowException) as error:
        log.debug("cannot read the file of %s, asking the server to send it: %s", key, error)
        return None


def _opaque(reader: flight.FlightStreamReader, held: Optional[Stored], instance: bytes) -> Stored:
    """The object after an answer of rows: `held` if there are none, `held` with more patches if
    there is no base, otherwise a new object.
    """
    base: List[pa.Buffer] = []
    patches: List[Cell] = []
    version = 0
    for row_version, kind, cell in _values(reader):
        version = max(version, row_version)
        if kind == "base":
            base.append(cell)
        elif kind == "patch":
            patches.append(Cell(cell))
    if not base and held is not None and instance and instance == held.instance:
        if not patches:
            return held
        return replace(held, patches=held.patches + patches, version=version, is_kept=False)
    return Stored(Cell(_joined(base)), patches, version, instance)


_Row = Tuple[int, str, pa.Buffer]


def _values(reader: flight.FlightStreamReader) -> Iterator[_Row]:
    """The rows. Adjacent rows of one value are joined as they arrive."""
    seen: Optional[Tuple[int, str]] = None
    cell: Any = None
    for batch in _batches(reader):
        rows = _rows_of(batch)
        # Otherwise this batch would stay in memory until the next one has arrived.
        del batch
        for row_version, kind, data in rows:
            if seen == (row_version, kind):
                if not isinstance(cell, bytearray):
                    cell = bytearray(cell)
                cell += memoryview(data)
                continue
            if seen is not None:
                yield (*seen, _read_only(cell))
            seen, cell = (row_version, kind), data
        rows.clear()
    if seen is not None:
        yield (*seen, _read_only(cell))


def _rows_of(batch: pa.RecordBatch) -> List[_Row]:
    with _answers():
        cells = list(_cells_of(batch.column("data")))
        names = batch.schema.names
        kinds = batch.column("kind").to_pylist() if "kind" in names else repeat("base")
        versions = batch.column("version").to_pylist() if "version" in names else repeat(0)
        return [(int(number), str(kind), cell) for number, kind, cell in zip(versions, kinds, cells)]


def _batches(reader: flight.FlightStreamReader) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            chunk = reader.read_chunk()
        except StopIteration:
            return
        yield chunk.data


class _answers:
    """Raises the errors that malformed rows cause as a FlameError."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: Any, error: Optional[BaseException], _trace: Any) -> None:
        if isinstance(error, _DAMAGE):
            raise FlameError("INVALID_IPC", f"the answer is neither a table nor an opaque value: {error}") from error


def _cells_of(column: Union[pa.Array, pa.ChunkedArray]) -> Iterator[pa.Buffer]:
    """Views; pyarrow's scalars would be copies. The offsets are not trusted: `slice` refuses a
    range outside the buffer.
    """
    if column.type not in (pa.binary(), pa.large_binary()):
        raise ValueError(f"its data is of type {column.type}")
    _, offsets, data = column.buffers()
    if not len(column):
        return
    ends = memoryview(offsets).cast("q" if column.type == pa.large_binary() else "i")
    data = data or pa.py_buffer(b"")
    for row in range(column.offset, column.offset + len(column)):
        yield data.slice(ends[row], ends[row + 1] - ends[row])


def _joined(cells: List[pa.Buffer]) -> pa.Buffer:
    return cells[0] if len(cells) == 1 else pa.py_buffer(b"".join(cells))


def _read_only(cell: Union[pa.Buffer, bytearray]) -> pa.Buffer:
    return pa.py_buffer(memoryview(cell).toreadonly()) if isinstance(cell, bytearray) else cell


def open_reader(ref: ObjectRef, config: Config, zero_copy: Optional[bool] = None) -> pa.RecordBatchReader:
    """The batches of a table, each when it arrives."""
    zero_copy = config.zero_copy if zero_copy is None else zero_copy
    route = calling(ref.endpoint, config, ref.key)
    with route as connection:
        takes_location = zero_copy and connection.asks_for_files()
        reader = _begin(route, ref.key, None, takes_location)
        metadata = reader.schema.metadata or {}
        if values.FORMAT in metadata:
            return pa.RecordBatchReader.from_batches(_own(reader.schema), _checked_batches(reader))
        if _FILE not in metadata or not takes_location:
            reader.cancel()
            raise FlameError("INVALID_REQUEST", "the object is not a table: get it with get_object")
        reader.read_all()
        table = _open(metadata[_FILE], ref.key)
        connection.learn(opened=table is not None)
    if table is None:
        return open_reader(ref, config, zero_copy=False)
    with _answers():
        is_table = not values.is_opaque(table.schema)
    if not is_table:
        raise FlameError("INVALID_REQUEST", "the object is not a table: get it with get_object")
    return with_metadata(table, _own(table.schema).metadata).to_reader()


def _own(schema: pa.Schema) -> pa.Schema:
    """The schema without the metadata that the cache adds."""
    own = {name: text for name, text in (schema.metadata or {}).items() if not name.startswith(b"flame.cache.")}
    return schema.with_metadata(own or None)


def _checked_batches(reader: flight.FlightStreamReader) -> Iterator[pa.RecordBatch]:
    try:
        with flight_errors():
            for batch in _batches(reader):
                yield checked(batch)
    finally:
        # If the caller stops before the end, the server stops sending.
        reader.cancel()
