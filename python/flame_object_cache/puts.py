"""DoPut: puts that store nothing if they fail, and the batches of values and tables."""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any, Iterable, Iterator, List, Optional, Tuple

import pyarrow as pa
import pyarrow.flight as flight

from .batches import batches_of, size_of
from .connection import Connection, Header, calling
from .errors import FlameError
from .names import ObjectRef

OPAQUE_SCHEMA = pa.schema([pa.field("version", pa.uint64()), pa.field("data", pa.binary())])
# One message stays below the 2 GiB limit of pyarrow and of every server.
BATCH_BYTES_MAX = 1 << 30
# Parts are joined up to this size: a copy is cheaper than another message.
_JOINED_BYTES_MAX = 1 << 20


def put(
    route: calling,
    descriptor: flight.FlightDescriptor,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    headers: Iterable[Header] = (),
) -> ObjectRef:
    """DoPut. Stores nothing if it fails or if `batches` raises."""
    headers, rest = [*headers, (b"flame-replicas", route.replicas.tag)], iter(batches)
    first = next(rest, None)
    while True:
        try:
            writer, answers = _begin_put(route.connection, descriptor, schema, headers, first)
            break
        except flight.FlightUnavailableError:
            # The gRPC of pyarrow 18 notices that a server has restarted only when it writes. Nothing
            # is stored before the end of a put, so it can begin again.
            if not route.reconnect():
                raise
    try:
        for batch in rest:
            writer.write_batch(batch)
        writer.done_writing()
        answer = answers.read()
        if answer is not None:
            _learn(route, answers)
    except BaseException:
        _abandon(writer)
        raise
    writer.close()
    if answer is None:
        raise FlameError("INTERNAL", "the server did not answer the put")
    return ObjectRef.decode(answer.to_pybytes())


def _learn(route: calling, answers: flight.FlightMetadataReader) -> None:
    """Takes the list of replicas, if the server sends one. A failure of the put follows at its end."""
    with suppress(pa.ArrowException, OSError):
        replicas = answers.read()
        if replicas is not None:
            route.replicas.learn(replicas.to_pybytes())


def _begin_put(
    connection: Connection,
    descriptor: flight.FlightDescriptor,
    schema: pa.Schema,
    headers: Iterable[Header],
    first: Optional[pa.RecordBatch],
) -> Tuple[Any, Any]:
    """Writer and answers of a put whose first batch is sent."""
    writer, answers = connection.client.do_put(descriptor, schema, connection.options(headers))
    try:
        if first is not None:
            writer.write_batch(first)
    except BaseException:
        _abandon(writer)
        raise
    return writer, answers


def asking_for(durability: Optional[str], ttl_seconds: Optional[float] = None) -> List[Header]:
    """Headers that request a durability (`restart`, `power-loss`) and a time to live. None leaves
    the choice to the server.
    """
    headers = [] if durability is None else [(b"flame-durability", durability.encode())]
    if ttl_seconds is not None:
        headers.append((b"flame-ttl-seconds", b"%.3f" % ttl_seconds))
    return headers


def _abandon(writer: flight.FlightStreamWriter) -> None:
    """Ends a put so that the server refuses it.

    pyarrow cannot cancel a put: a closed or dropped writer would store what was sent so far. Every
    server refuses a message without an Arrow header. Raises the server's own error, if it had one.
    """
    with suppress(pa.ArrowException, OSError):
        writer.write_metadata(b"abandoned")
    try:
        writer.close()
    except (pa.ArrowException, OSError) as error:
        if "[INVALID_REQUEST] a message without" not in str(error):
            raise


def opaque_rows(parts: Iterable[pa.Buffer]) -> Iterator[pa.RecordBatch]:
    """One row for each part, as views; the server joins them."""
    parts = list(parts)
    if sum(part.size for part in parts) <= _JOINED_BYTES_MAX:
        parts = [pa.py_buffer(b"".join(parts))]
    for part in parts:
        for start in range(0, max(part.size, 1), BATCH_BYTES_MAX):
            yield opaque_row(part.slice(start, min(BATCH_BYTES_MAX, part.size - start)))


def opaque_row(cell: pa.Buffer) -> pa.RecordBatch:
    # pa.array would import pandas to inspect its argument.
    offsets = pa.py_buffer(struct.pack("<ii", 0, cell.size))
    data = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, cell], null_count=0)
    version = pa.Array.from_buffers(pa.uint64(), 1, [None, pa.py_buffer(bytes(8))], null_count=0)
    return pa.RecordBatch.from_arrays([version, data], schema=OPAQUE_SCHEMA)


def table_batches(table: "pa.Table | pa.RecordBatchReader") -> Iterator[pa.RecordBatch]:
    """The table's batches. Only a batch that exceeds the size of a message is split."""
    for batch in batches_of(table) if isinstance(table, pa.Table) else table:
        pieces = -(-size_of(batch) // BATCH_BYTES_MAX)
        rows = max(1, -(-batch.num_rows // max(1, pieces)))
        yield from (batch.slice(start, rows) for start in range(0, max(1, batch.num_rows), rows))
