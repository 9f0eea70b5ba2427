"""A server dies or falls silent during a call: the call raises a typed error, nothing is half-
written, and a retry succeeds.
"""

import os
import signal
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from sdk import fails, settings
from support.cases import each
from support.expect import eventually
from support.server import Server, storage_directory

import flame_object_cache
from flame_object_cache import download_object, get_object, list_objects, put_object, upload_object

STORAGES = ("own",)
CAMPAIGN = True
MIB = 1 << 20
SIZE = 512 * MIB
# The promised limit for a silent server. The connections of a killed server are reset at once.
ERROR_SECONDS = 5.0


class _Call(threading.Thread):
    """A call in its own thread, with its error and the time of the error."""

    def __init__(self, function):
        super().__init__()
        self.function, self.error, self.ended = function, None, 0.0
        self.start()

    def run(self) -> None:
        try:
            self.function()
        except Exception as error:  # noqa: BLE001  (it is what the case looks at)
            self.error = error
        self.ended = time.monotonic()


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _staged_bytes(storage: Path) -> int:
    return sum(path.stat().st_size for path in (storage / ".staging").iterdir())


def _killed_in(server: Server, function, has_begun) -> flame_object_cache.FlameError:
    call = _Call(function)
    eventually("the call is on its way", lambda: has_begun() or not call.is_alive())
    assert call.is_alive(), f"the call ended before the server was killed: {call.error}"
    killed = time.monotonic()
    server.kill()
    call.join(60)
    assert isinstance(call.error, flame_object_cache.Unreachable), repr(call.error)
    assert call.error.__cause__ is not None and call.ended - killed < ERROR_SECONDS
    return call.error


def _put(_directory: Path) -> None:
    put_object("a/s", np.zeros(SIZE // 8))


def _upload(directory: Path) -> None:
    source = directory / "source"
    with source.open("wb") as file:
        file.truncate(SIZE)
    upload_object("a/s", source)


@each({"a value": _put, "a file": _upload})
def case_during_an_upload_of(_cache, upload):
    with storage_directory() as storage, tempfile.TemporaryDirectory() as directory:
        with Server(storage) as server, settings(endpoint=server.cache.endpoint):
            _killed_in(server, lambda: upload(Path(directory)), lambda: _staged_bytes(storage) > 32 * MIB)
        with Server(storage, server.cache.endpoint), settings(endpoint=server.cache.endpoint):
            assert list_objects("a/s") == []
            upload(Path(directory))
            assert len(list_objects("a/s")) == 1


def _kept(ref: flame_object_cache.ObjectRef, directory: Path) -> bool:
    download_object(ref, directory / "target")
    return (directory / "target").stat().st_size >= SIZE


def _got(ref: flame_object_cache.ObjectRef, _directory: Path) -> bool:
    return get_object(ref).nbytes == SIZE


@each({"a value": _got, "a file": _kept})
def case_during_a_download_of(_cache, download):
    with storage_directory() as storage, tempfile.TemporaryDirectory() as directory:
        with Server(storage) as server, settings(endpoint=server.cache.endpoint, zero_copy="0"):
            ref = put_object("a/s", np.zeros(SIZE // 8))
            before = _resident_bytes()
            has_begun = lambda: _resident_bytes() - before > 16 * MIB  # noqa: E731
            _killed_in(server, lambda: download(ref, Path(directory)), has_begun)
            assert os.listdir(directory) == []
        with Server(storage, server.cache.endpoint), settings(zero_copy="0"):
            assert download(ref, Path(directory))


def case_that_falls_silent_is_given_up(_cache):
    with storage_directory() as storage, Server(storage) as server, settings(endpoint=server.cache.endpoint):
        ref = put_object("a/s", "value")
        os.kill(server.cache.pid, signal.SIGSTOP)
        try:
            for call in (lambda: get_object(ref, zero_copy=False), lambda: put_object("a/s", 1)):
                with fails(flame_object_cache.Unreachable, "UNREACHABLE"):
                    call()
        finally:
            os.kill(server.cache.pid, signal.SIGCONT)
        assert get_object(ref) == "value"


def case_between_two_calls_is_not_noticed(_cache):
    with storage_directory() as storage:
        with Server(storage) as server, settings(endpoint=server.cache.endpoint):
            ref = put_object("a/s", "value")
            server.kill()
            with Server(storage, server.cache.endpoint):
                assert get_object(ref) == "value"
