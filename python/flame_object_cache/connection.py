"""Flight calls to one cache: pooled connections, puts that store nothing if they fail, and retries
of reads.

A dead server is detected within five seconds, even if its host stays silent. During a call, gRPC
sends a ping after one second of silence and closes the connection if no answer arrives within 3.5
seconds.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import struct
import time
from contextlib import suppress
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Tuple, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.flight as flight

from .batches import batches_of, size_of
from .config import Config, check_endpoint
from .credentials import NO_CREDENTIALS, TLS, Credentials, Secret, bearer
from .errors import PYARROW_ERRORS, FlameError, InvalidConfig, Unreachable, flight_errors, translate
from .names import ObjectRef
from .security_warnings import warn_of_plaintext

T = TypeVar("T")
OPAQUE_SCHEMA = pa.schema([pa.field("version", pa.uint64()), pa.field("data", pa.binary())])
# A read is retried for this long after it began.
RETRY_SECONDS = 1.0
_RETRY_PAUSE_SECONDS = 0.05
# One message stays below the 2 GiB limit of pyarrow and of every server.
BATCH_BYTES_MAX = 1 << 30
# Parts are joined up to this size: a copy is cheaper than another message.
_JOINED_BYTES_MAX = 1 << 20
# The server sends an opaque value in rows of at most this many bytes: pyarrow holds each row twice
# while it reads it.
_ROW_BYTES = 16 << 20
# Options of gets that a connection keeps, by the run of the server that they name.
_GET_OPTIONS_MAX = 8
# After this many answers without a file, and none with one, one get in _ASK_EVERY asks for a file.
_FILELESS_ANSWERS_MAX, _ASK_EVERY = 8, 32
_CHANNEL_OPTIONS = [
    ("grpc.keepalive_time_ms", 1000),
    # The version of gRPC decides which of these two applies.
    ("grpc.keepalive_timeout_ms", 3500),
    ("grpc.http2.ping_timeout_ms", 3500),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.min_reconnect_backoff_ms", 4000),
    # Without a shared subchannel, a broken connection is replaced instead of waited for.
    ("grpc.use_local_subchannel_pool", 1),
]


def _alignment() -> Dict[str, Any]:
    """Options that copy unaligned buffers of gRPC once: Arrow's engine would warn at each use."""
    try:
        return {"read_options": pa.ipc.IpcReadOptions(ensure_alignment=getattr(pa.ipc, "Alignment").DataTypeSpecific)}
    except (AttributeError, TypeError):  # older than pyarrow's option
        return {}


_ALIGNMENT = _alignment()
Header = Tuple[bytes, bytes]


class Connection:
    """A Flight client and what is known about its server. Safe for threads."""

    def __init__(
        self,
        endpoint: str,
        ca_file: Optional[str],
        timeout: Optional[float] = None,
        credentials: Credentials = NO_CREDENTIALS,
    ) -> None:
        self._place = (endpoint, ca_file, timeout, credentials)
        self._timeout = timeout
        self._credentials = credentials
        self._get_options: Dict[Tuple[bytes, bool, Optional[Secret]], flight.FlightCallOptions] = {}
        self.endpoint = endpoint
        self.is_local = _is_this_host(urlsplit(endpoint).hostname or "")
        if credentials.has_token and not self.is_local and not endpoint.startswith(TLS):
            warn_of_plaintext(endpoint)
        with flight_errors():
            self.client = flight.FlightClient(
                endpoint, generic_options=_CHANNEL_OPTIONS, **credentials.tls_options(endpoint, ca_file)
            )
        self._gets = self._fileless = 0
        self._has_files = False
        # Whether a call on this connection has succeeded, and whether it broke after that.
        self.has_answered = self.is_broken = False

    def renewed(self) -> Connection:
        """Another connection to the same server; this one leaves its pool after the current call."""
        self.is_broken = True
        return Connection(*self._place)

    def options(self, headers: Iterable[Header] = (), **more: Any) -> flight.FlightCallOptions:
        """Options of one call: the client's timeout and token, and further headers."""
        return self._options(self._credentials.current_token(), headers, **more)

    def _options(self, token: Optional[Secret], headers: Iterable[Header], **more: Any) -> flight.FlightCallOptions:
        return flight.FlightCallOptions(
            timeout=self._timeout, headers=[*headers] if token is None else [bearer(token), *headers], **more
        )

    def get_options(
        self, instance: bytes, takes_location: bool, at_least: int = 0
    ) -> flight.FlightCallOptions:
        """Options of a get by version (docs/protocol.md, "Gets that keep what they got")."""
        token = self._credentials.current_token()
        known = self._get_options.get((instance, takes_location, token))
        if known is not None and not at_least:
            return known
        headers = [(b"flame-instance", instance), (b"flame-row-bytes", b"%d" % _ROW_BYTES)]
        if takes_location:
            headers.append((b"flame-file-locations", b"1"))
        if at_least:
            headers.append((b"flame-at-least-version", b"%d" % at_least))
            return self._options(token, headers, **_ALIGNMENT)
        if len(self._get_options) >= _GET_OPTIONS_MAX:
            self._get_options.clear()
        options = self._options(token, headers, **_ALIGNMENT)
        self._get_options[instance, takes_location, token] = options
        return options

    def asks_for_files(self) -> bool:
        """Whether a get asks for the object's file: only on this host, and rarely after files could
        not be opened.
        """
        self._gets += 1
        is_likely = self._has_files or self._fileless < _FILELESS_ANSWERS_MAX
        return self.is_local and (is_likely or self._gets % _ASK_EVERY == 0)

    def learn(self, *, opened: bool) -> None:
        self._has_files |= opened
        self._fileless += not opened


@lru_cache(maxsize=64)
def _is_this_host(host: str) -> bool:
    """Whether all addresses of the host belong to this machine; False if it has no addresses."""
    try:
        places = socket.getaddrinfo(host, 9, type=socket.SOCK_DGRAM)
        return bool(host and places) and all(_is_own_address(family, address) for family, _, _, _, address in places)
    except (OSError, ValueError):
        return False


def _is_own_address(family: int, address: Tuple[Any, ...]) -> bool:
    """Whether packets to the address would be sent from the same address. Sends no packet."""
    place = ipaddress.ip_address(address[0].partition("%")[0])
    if place.is_loopback or place.is_unspecified:
        return True
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(address)
        return bool(probe.getsockname()[0] == address[0])


class Pool:
    """Connections of one client, by endpoint, CA file, timeout and credentials."""

    def __init__(self) -> None:
        self._is_closed = False
        self._connections: Dict[Tuple[Any, ...], Connection] = {}

    def check_open(self) -> None:
        if self._is_closed:
            raise FlameError("CANCELLED", "this client is closed")

    def connection(self, *place: Any) -> Connection:
        self.check_open()
        return self._connections.get(place) or self._connections.setdefault(place, Connection(*place))

    def drop(self, connection: Connection) -> None:
        for place, pooled in list(self._connections.items()):
            if pooled is connection:
                self._connections.pop(place, None)

    def close(self) -> None:
        """Each connection closes after its last call: closing it earlier crashes pyarrow."""
        self._is_closed = True
        self._connections.clear()


# The connections of the module functions.
SHARED_POOL = Pool()
# The process that made the first call; None before it.
_pool_process: Optional[int] = None


def _refuse_forked() -> None:
    """Raises InvalidConfig in a forked child, where gRPC hangs even on a new connection."""
    global _pool_process
    _pool_process = _pool_process or os.getpid()
    if _pool_process != os.getpid():
        text = "this process was forked from one that uses the cache: start it by spawn or forkserver instead"
        raise InvalidConfig("INVALID_CONFIG", text)


class calling:
    """The pooled connection for the calls of a block. An exception of pyarrow leaves the block as a
    FlameError. A broken connection is removed from the pool.
    """

    __slots__ = ("_pool", "_connection")

    def __init__(self, endpoint: str, config: Config) -> None:
        _refuse_forked()
        self._pool = config.pool or SHARED_POOL
        self._connection = self._pool.connection(
            check_endpoint(endpoint), config.ca_file, config.timeout, config.credentials
        )

    def __enter__(self) -> Connection:
        return self._connection

    def __exit__(self, _kind: object, error: Optional[BaseException], _trace: object) -> None:
        if error is None:
            self._connection.has_answered = True
            if self._connection.is_broken:
                self._pool.drop(self._connection)
            return
        failure = translate(error) if isinstance(error, PYARROW_ERRORS) else error
        if isinstance(failure, Unreachable) or self._connection.is_broken:
            self._pool.drop(self._connection)
        if failure is not error:
            raise failure from error


def retrying(operation: Callable[[], T], timeout: Optional[float] = None) -> T:
    """Runs an idempotent operation; repeats it while its error is retryable and time is left."""
    deadline = time.monotonic() + min(RETRY_SECONDS, timeout or RETRY_SECONDS)
    while True:
        try:
            return operation()
        except FlameError as error:
            if not error.retryable or time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_PAUSE_SECONDS)


def put(
    connection: Connection,
    descriptor: flight.FlightDescriptor,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    headers: Iterable[Header] = (),
) -> ObjectRef:
    """DoPut. Stores nothing if it fails or if `batches` raises."""
    headers, rest = list(headers), iter(batches)
    first = next(rest, None)
    try:
        writer, answers = _begin_put(connection, descriptor, schema, headers, first)
    except flight.FlightUnavailableError:
        if not connection.has_answered:
            raise
        # The gRPC of pyarrow 18 notices that a server has restarted only when it writes. Nothing is
        # stored before the end of a put, so it can begin again. `connection` keeps the new one.
        connection = connection.renewed()
        writer, answers = _begin_put(connection, descriptor, schema, headers, first)
    try:
        for batch in rest:
            writer.write_batch(batch)
        writer.done_writing()
        answer = answers.read()
    except BaseException:
        _abandon(writer)
        raise
    writer.close()
    if answer is None:
        raise FlameError("INTERNAL", "the server did not answer the put")
    return ObjectRef.decode(answer.to_pybytes())


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
