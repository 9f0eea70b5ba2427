"""The cache under test as a case sees it: its endpoint, its directory, a client, and names nobody else uses."""

import itertools
import os
import secrets
from pathlib import Path
from typing import Optional

import pyarrow.flight as flight

from support.expect import eventually

_numbers = itertools.count(1)


class Cache:
    def __init__(self, endpoint: str, storage: Optional[Path], pid: int):
        self.endpoint = endpoint
        self.storage = storage
        self.pid = pid
        self._client: Optional[flight.FlightClient] = None

    @staticmethod
    def from_environment() -> Optional["Cache"]:
        """The server that the caller started for this group; None for groups that start their own."""
        endpoint = os.environ.get("INTEROP_ENDPOINT")
        if not endpoint:
            return None
        directory = os.environ.get("INTEROP_STORAGE")
        return Cache(endpoint, Path(directory) if directory else None, int(os.environ["INTEROP_PID"]))

    @property
    def client(self) -> flight.FlightClient:
        if self._client is None:
            self._client = flight.connect(self.endpoint)
        return self._client

    def new_client(self) -> flight.FlightClient:
        # Channels of one process to one address share a connection unless they are told not to.
        return flight.FlightClient(self.endpoint, generic_options=[("grpc.use_local_subchannel_pool", 1)])

    def prefix(self) -> str:
        """A session nobody else uses."""
        return f"app-{secrets.token_hex(3)}-{next(_numbers)}/session"

    def key(self) -> str:
        return f"{self.prefix()}/object"

    def written_file(self, key: str, ending: str = ".arrow") -> Path:
        """The file of an object that was put. Until it is written, a small object is in the server's
        log; asked for its location, the server writes it."""
        options = flight.FlightCallOptions(headers=[(b"flame-file-locations", b"1")])
        self.client.get_flight_info(flight.FlightDescriptor.for_path(key), options)
        path = self.file_of(key, ending)
        eventually(f"{path} is written", path.exists)
        return path

    def file_of(self, key: str, ending: str = ".arrow") -> Path:
        """Where the file of an object is, or would be."""
        assert self.storage is not None
        return self.storage / (key + ending)
