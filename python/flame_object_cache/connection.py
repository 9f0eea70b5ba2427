"""Connections of clients: pooled by endpoint, and retries of reads.

A dead server is detected within five seconds, even if its host stays silent. During a call, gRPC
sends a ping after one second of silence and closes the connection if no answer arrives within 3.5
seconds. If there are other servers, the call continues at one of them (replicas.py).
"""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from functools import lru_cache
from typing import Any, Callable, Dict, Iterable, Optional, Tuple, TypeVar
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.flight as flight

from .config import Config, check_endpoint
from .credentials import NO_CREDENTIALS, TLS, Credentials, Secret, bearer
from .errors import PYARROW_ERRORS, FlameError, InvalidConfig, flight_errors, translate
from .replicas import Replicas
from .security_warnings import warn_of_plaintext

T = TypeVar("T")
# A read is retried for this long after it began.
RETRY_SECONDS = 1.0
# It goes to another server, if one was lost, for this long.
FAIL_OVER_SECONDS = 5.0
_RETRY_PAUSE_SECONDS = 0.05
# The server sends an opaque value in rows of at most this many bytes: pyarrow holds each row twice
# while it reads it.
_ROW_BYTES = 16 << 20
# Options of gets that a connection keeps, by the run of the server that they name.
_GET_OPTIONS_MAX = 8
# After this many answers without a file, and none with one, one get in _ASK_EVERY asks for a file.
_FILELESS_ANSWERS_MAX, _ASK_EVERY = 8, 32
# Time to connect, ms. A replica is one of several, so a client does not wait as long for it.
_CONNECT_MS, _REPLICA_CONNECT_MS = 4000, 2000
_CHANNEL_OPTIONS = [
    ("grpc.keepalive_time_ms", 1000),
    # The version of gRPC decides which of these two applies.
    ("grpc.keepalive_timeout_ms", 3500),
    ("grpc.http2.ping_timeout_ms", 3500),
    ("grpc.http2.max_pings_without_data", 0),
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
        is_replica: bool = False,
    ) -> None:
        self._timeout = timeout
        self._credentials = credentials
        self._get_options: Dict[Tuple[Any, ...], flight.FlightCallOptions] = {}
        self.endpoint = endpoint
        self.is_local = _is_this_host(urlsplit(endpoint).hostname or "")
        if credentials.has_token and not self.is_local and not endpoint.startswith(TLS):
            warn_of_plaintext(endpoint)
        connecting = ("grpc.min_reconnect_backoff_ms", _REPLICA_CONNECT_MS if is_replica else _CONNECT_MS)
        with flight_errors():
            self.client = flight.FlightClient(
                endpoint,
                generic_options=[*_CHANNEL_OPTIONS, connecting],
                **credentials.tls_options(endpoint, ca_file),
            )
        self._gets = self._fileless = 0
        self._has_files = False
        # Whether a call on this connection has succeeded.
        self.has_answered = False

    def options(self, headers: Iterable[Header] = (), **more: Any) -> flight.FlightCallOptions:
        """Options of one call: the client's timeout and token, and further headers."""
        return self._options(self._credentials.current_token(), headers, **more)

    def _options(self, token: Optional[Secret], headers: Iterable[Header], **more: Any) -> flight.FlightCallOptions:
        return flight.FlightCallOptions(
            timeout=self._timeout, headers=[*headers] if token is None else [bearer(token), *headers], **more
        )

    def get_options(
        self, instance: bytes, takes_location: bool, replicas: bytes, at_least: int = 0
    ) -> flight.FlightCallOptions:
        """Options of a get by version (docs/protocol.md, "Gets that keep what they got")."""
        token = self._credentials.current_token()
        place = (instance, takes_location, replicas, token)
        known = self._get_options.get(place)
        if known is not None and not at_least:
            return known
        headers = [(b"flame-instance", instance), (b"flame-row-bytes", b"%d" % _ROW_BYTES), (b"flame-replicas", replicas)]
        if takes_location:
            headers.append((b"flame-file-locations", b"1"))
        if at_least:
            headers.append((b"flame-at-least-version", b"%d" % at_least))
            return self._options(token, headers, **_ALIGNMENT)
        if len(self._get_options) >= _GET_OPTIONS_MAX:
            self._get_options.clear()
        options = self._options(token, headers, **_ALIGNMENT)
        self._get_options[place] = options
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
        self._replicas: Dict[str, Replicas] = {}

    def check_open(self) -> None:
        if self._is_closed:
            raise FlameError("CANCELLED", "this client is closed")

    def connection(self, *place: Any) -> Connection:
        self.check_open()
        return self._connections.get(place) or self._connections.setdefault(place, Connection(*place))

    def replicas(self, endpoint: str, configured: str) -> Replicas:
        """The servers of an endpoint; those of the configured one if it is among them."""
        own = self._replicas.get(configured)
        if own is not None and endpoint in own:
            return own
        return self._replicas.get(endpoint) or self._replicas.setdefault(endpoint, Replicas(endpoint))

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

    key: of a get, for which one of several servers is preferred.
    """

    __slots__ = ("_pool", "_place", "replicas", "connection")

    def __init__(self, endpoint: str, config: Config, key: Optional[str] = None) -> None:
        _refuse_forked()
        self._pool = config.pool or SHARED_POOL
        self._place = (config.ca_file, config.timeout, config.credentials)
        named = check_endpoint(endpoint)
        self.replicas = self._pool.replicas(named, config.endpoint)
        self.connection = self._connect(key)

    def _connect(self, key: Optional[str] = None) -> Connection:
        chosen = self.replicas.choose(key)
        return self._pool.connection(chosen, *self._place, chosen in self.replicas)

    def __enter__(self) -> Connection:
        return self.connection

    def __exit__(self, _kind: object, error: Optional[BaseException], _trace: object) -> None:
        if error is None:
            self.connection.has_answered = True
            return
        failure = translate(error) if isinstance(error, PYARROW_ERRORS) else error
        if isinstance(failure, FlameError) and failure.code in ("UNREACHABLE", "SHUTTING_DOWN"):
            failure.has_alternative = self._lose()
        if failure is not error:
            raise failure from error

    def reconnect(self) -> bool:
        """After a call that did not reach a server: another server, or a new connection to one that
        may have restarted. False if there is neither.
        """
        had_answered = self.connection.has_answered
        if not self._lose() and not had_answered:
            return False
        self.connection = self._connect()
        return True

    def _lose(self) -> bool:
        self._pool.drop(self.connection)
        return self.replicas.lose(self.connection.endpoint, self.connection.has_answered)


def retrying(operation: Callable[[], T], timeout: Optional[float] = None) -> T:
    """Runs an idempotent operation; repeats it while its error is retryable and time is left."""
    began = time.monotonic()
    retry_seconds, fail_over_seconds = (min(most, timeout or most) for most in (RETRY_SECONDS, FAIL_OVER_SECONDS))
    while True:
        try:
            return operation()
        except FlameError as error:
            passed = time.monotonic() - began
            if error.has_alternative and passed <= fail_over_seconds:
                continue
            if not error.retryable or passed > retry_seconds:
                raise
        time.sleep(_RETRY_PAUSE_SECONDS)
