"""Flight servers of the cases' own: one that writes down what each call brings, one that lets only
some callers in, and one that never answers.
"""

import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List, Optional, Tuple

import pyarrow.flight as flight


class _Recorder(flight.ServerMiddlewareFactory):
    def __init__(self, seen: List[Tuple[str, Optional[str]]], headers: List[Dict[str, List[str]]]):
        self.seen, self.headers = seen, headers

    def start_call(self, info, headers):
        self.headers.append(headers)
        self.seen.append((info.method.name, *headers.get("authorization", [None])))


class RecordingServer(flight.FlightServerBase):
    """Refuses every call; `seen` has its method and its `authorization`, `headers` all its headers. A put is answered with
    `ref`, when there is one.
    """

    def __init__(self):
        self.seen: List[Tuple[str, Optional[str]]] = []
        self.headers: List[Dict[str, List[str]]] = []
        self.ref: Optional[bytes] = None
        recorder = _Recorder(self.seen, self.headers)
        super().__init__("grpc://127.0.0.1:0", middleware={"recorder": recorder})
        self.endpoint = f"grpc://127.0.0.1:{self.port}"

    def do_put(self, context, descriptor, reader, writer):
        reader.read_all()
        if self.ref is None:
            raise flight.FlightServerError("[NOT_IMPLEMENTED] no puts")
        writer.write(self.ref)


class _Guard(flight.ServerMiddlewareFactory):
    def __init__(self, server: "GuardedServer"):
        self.server = server

    def start_call(self, info, headers):
        self.server.calls += 1
        token = headers.get("authorization", [""])[0]
        if token not in self.server.tokens:
            raise flight.FlightUnauthenticatedError(self.server.refusal)


class GuardedServer(flight.FlightServerBase):
    """Lists nothing to callers with one of `tokens`, and refuses others with `refusal`. Every get is
    denied. With `tls` (paths of certificate and key) and `clients` (path of the certificates that
    clients may have) it speaks mutual TLS.
    """

    def __init__(self, tls=None, clients=None):
        self.tokens, self.calls = {""}, 0
        self.refusal = "[UNAUTHENTICATED] missing or invalid credentials"
        options = {}
        if tls is not None:
            options["tls_certificates"] = [tuple(Path(path).read_bytes() for path in tls)]
        if clients is not None:
            options.update(verify_client=True, root_certificates=Path(clients).read_bytes())
        scheme = "grpc" if tls is None else "grpc+tls"
        super().__init__(f"{scheme}://127.0.0.1:0", middleware={"guard": _Guard(self)}, **options)
        self.endpoint = f"{scheme}://127.0.0.1:{self.port}"

    def list_flights(self, context, criteria):
        return iter([])

    def do_get(self, context, ticket):
        raise flight.FlightUnauthorizedError('[PERMISSION_DENIED] "worker" may not get here')


class SilentServer(flight.FlightServerBase):
    """Takes calls and answers none until `release` is set; `entered` counts those that came."""

    def __init__(self):
        self.release, self.entered = threading.Event(), threading.Semaphore(0)
        super().__init__("grpc://127.0.0.1:0")
        self.endpoint = f"grpc://127.0.0.1:{self.port}"

    def _wait(self, *_arguments):
        self.entered.release()
        self.release.wait()
        raise flight.FlightServerError("released")

    do_get = do_put = do_action = get_flight_info = list_flights = _wait


@contextmanager
def recording() -> Iterator[RecordingServer]:
    with RecordingServer() as server:
        yield server


@contextmanager
def silent() -> Iterator[SilentServer]:
    with SilentServer() as server:
        try:
            yield server
        finally:
            server.release.set()
