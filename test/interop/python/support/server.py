"""Servers that a case starts itself: to stop and start them again over one directory, or with other settings.

The command line is the built one. A server is stopped by its own process id and nothing else; what it wrote to
standard output and to its log is kept for the case to look at.
"""

import json
import os
import re
import signal
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Optional

from support.cache import Cache

START_SECONDS, STOP_SECONDS = 60.0, 30.0


def _command() -> list[str]:
    """`node dist/cli.js`, as the caller of this process says."""
    return json.loads(os.environ["INTEROP_COMMAND"])


class Server:
    """`with Server(directory) as server:`; killed at the end if it still runs."""

    def __init__(self, storage: Optional[Path], endpoint: str = "grpc://127.0.0.1:0", *more: str):
        self._storage = storage
        arguments = ["serve", "--endpoint", endpoint, "--storage", str(storage or "none"), *more]
        self._log = tempfile.TemporaryFile()
        self._process = subprocess.Popen(
            [*_command(), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log
        )
        self.output = self._first_line()
        match = re.fullmatch(r"listening on (\S+)\n", self.output)
        if match is None:
            self.kill()
            raise AssertionError(f"the server said {self.output!r} instead of its endpoint; its log:\n{self.log()}")
        self.cache = Cache(match[1], storage, self._process.pid)

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_error) -> None:
        self.kill()
        self._log.close()

    def _first_line(self) -> str:
        timer = threading.Timer(START_SECONDS, self._process.kill)
        timer.start()
        try:
            return self._process.stdout.readline().decode()
        finally:
            timer.cancel()

    def log(self) -> str:
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.ask_to_stop()
        return self.wait()

    def ask_to_stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """The exit code of a server that was asked to stop."""
        self.output += self._process.stdout.read().decode()
        return self._process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """SIGKILL, and gone when this returns."""
        self._process.kill()
        self._process.wait(STOP_SECONDS)
        self._process.stdout.close()


@contextmanager
def storage_directory() -> Iterator[Path]:
    """A directory for the server to make, alone in one that is removed at the end."""
    with tempfile.TemporaryDirectory(prefix="flame-interop-") as parent:
        yield Path(parent) / "storage"
