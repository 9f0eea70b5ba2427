"""The servers that answer for one endpoint, if several share a bucket (docs/scale-out.md): which one
to call for a key, and where to go when one is lost.

The list comes with the answers of gets and puts, so it costs no call. Nothing depends on it: each server can
answer every call. docs/protocol.md, "Replicas", has the order.
"""

from __future__ import annotations

import time
import zlib
from functools import lru_cache
from typing import Dict, Optional, Tuple

from .config import check_endpoint
from .credentials import TLS
from .errors import InvalidConfig

# A client remembers at most this many servers.
REPLICAS_MAX = 64
_LIST_BYTES_MAX = 1 << 16
# A lost server is avoided for this long. By then the others do not list it any more.
_LOST_SECONDS = 30.0
_NONE: Tuple[str, ...] = ()


class Replicas:
    """What one client knows about the servers of an endpoint. Safe for threads."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._known = _NONE
        self._lost: Dict[str, float] = {}
        self._prefers_owner = True
        # Names the list in calls; empty: there is none.
        self.tag = b""

    def __contains__(self, endpoint: str) -> bool:
        return endpoint in self._known

    def learn(self, text: bytes) -> None:
        """Takes the list in an answer. A malformed list is ignored. If the server has TLS,
        endpoints without TLS are ignored.
        """
        if not text or len(text) > _LIST_BYTES_MAX:
            return
        try:
            named = [check_endpoint(each) for each in text.decode("ascii").split(" ")]
        except (UnicodeDecodeError, InvalidConfig):
            return
        needs_tls = self._endpoint.startswith(TLS)
        self._known = tuple(each for each in named if each.startswith(TLS) or not needs_tls)[:REPLICAS_MAX]
        self._prefers_owner = True
        self.tag = b"%08x" % zlib.crc32(text)

    def choose(self, key: Optional[str]) -> str:
        """The server to call: for a get of a key its owner, otherwise the endpoint itself. One that
        was lost a moment ago is the last choice.
        """
        if not self._known:
            return self._endpoint
        order = rendezvous_order(self._known, key or "")
        owner_first = key is not None and self._prefers_owner
        candidates = (*order, self._endpoint) if owner_first else (self._endpoint, *order)
        now = time.monotonic()
        return next((each for each in candidates if self._lost.get(each, now) <= now), self._endpoint)

    def lose(self, dialled: str, has_answered: bool) -> bool:
        """Notes that a server was lost. Returns whether there is another one to call."""
        now = time.monotonic()
        self._lost = {each: end for each, end in self._lost.items() if end > now}
        self._lost[dialled] = now + _LOST_SECONDS
        if dialled != self._endpoint and not has_answered:
            # This client may be outside of the network of the servers: they stay a last resort.
            self._prefers_owner = False
        return any(each not in self._lost for each in (self._endpoint, *self._known))


@lru_cache(maxsize=1024)
def rendezvous_order(replicas: Tuple[str, ...], key: str) -> Tuple[str, ...]:
    """The replicas, the owner of the key first: the largest weight."""
    return tuple(sorted(replicas, key=lambda replica: (-_weight(replica, key), replica)))


def _weight(replica: str, key: str) -> int:
    mixed = zlib.crc32(f"{replica}\n{key}".encode())
    mixed = (mixed ^ mixed >> 16) * 0x85EBCA6B & 0xFFFFFFFF
    mixed = (mixed ^ mixed >> 13) * 0xC2B2AE35 & 0xFFFFFFFF
    return mixed ^ mixed >> 16
