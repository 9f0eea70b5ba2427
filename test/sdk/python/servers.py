"""Flight servers of the cases' own: one that writes down what each call brings, and one that never
answers.
"""

import threading
from contextlib import contextmanager
from typing import Iterator, List, Optional, Tuple

import pyarrow.flight as flight


class _Recorder(flight.ServerMiddlewareFactory):
    def __init__(self, seen: List[Tuple[str, Optional[str]]]):
        self.seen = seen

    def start_call(self, info, headers):
        self.seen.append((info.method.name, *headers.get("authorization", [None])))


class RecordingServer(flight.FlightServerBase):
    """Refuses every call; `seen` has its method and its `authorization`. A put is answered with
    `ref`, when there is one.
    """

    def __init__(self):
        self.seen: List[Tuple[str, Optional[str]]] = []
        self.ref: Optional[bytes] = None
        super().__init__("grpc://127.0.0.1:0", middleware={"recorder": _Recorder(self.seen)})
        self.endpoint = f"grpc://127.0.0.1:{self.port}"

    def do_put(self, context, descriptor, reader, writer):
        reader.read_all()
        if self.ref is None:
            raise flight.FlightServerError("[NOT_IMPLEMENTED] no puts")
        writer.write(self.ref)


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
