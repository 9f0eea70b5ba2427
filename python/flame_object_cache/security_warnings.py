"""FlameSecurityWarning: about pickles, readable secrets and tokens without TLS, each once per
process. If warnings are errors, they are raised each time, before anything is sent or unpickled.
"""

from __future__ import annotations

import os
import sys
import warnings
from typing import Set

from .errors import FlameSecurityWarning

_OTHERS_MAY_READ = 0o004
_given: Set[str] = set()


def warn_of_readers(path: str) -> None:
    """Warns of a secret file that every user of this host can read."""
    if os.name == "nt" or not os.stat(path).st_mode & _OTHERS_MAY_READ:
        return
    warn_once(f"{path} contains a secret and every user of this host can read it: chmod o-r {path}")


def warn_of_plaintext(endpoint: str) -> None:
    """Warns of a token that is sent to another host without TLS.

    The token is sent all the same: inside a service mesh, a VPN or a TLS proxy on this host, a
    lower layer encrypts it, and the client cannot see that.
    """
    text = f"the token is sent to {endpoint} without TLS: everyone on the network path can read it"
    warn_once(f"{text}; use grpcs://")


def warn_once(text: str) -> None:
    if text in _given:
        return
    warn_caller(text)
    _given.add(text)


def warn_caller(text: str) -> None:
    """Warns at the line of the first caller outside this package."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, FlameSecurityWarning, stacklevel=level)
