"""Every failure a caller can meet: FlameError, with a code of the table in docs/errors.md.

pyarrow folds several gRPC statuses into one exception, so the code is read from the brackets that begin each error text
of the server. An error without one comes from the transport, and its class tells. pyarrow's own is kept as the cause.
"""

from __future__ import annotations

import re
from typing import Optional

import pyarrow as pa
import pyarrow.flight as flight

# Codes with which the same call, unchanged, may succeed later.
RETRYABLE = {"DEADLINE_EXCEEDED", "OVERLOADED", "SHUTTING_DOWN", "UNREACHABLE", "STORAGE_IO"}
_TEXT = re.compile(r"with message: (?:\[([A-Z_]+)\] )?(.*?)(?:\. gRPC client debug context|\. Client context|$)", re.S)
# Control characters but the line feed and the tab, line separators and direction marks.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_TRANSPORT_FAILURE = re.compile(r"stream removed|socket closed|connection reset|broken pipe|goaway|rst_stream", re.I)


class FlameError(Exception):
    """`code` is a row of the error table; `str()` is `[CODE] text`."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(code, text)
        self.code, self.text = code, text

    def __str__(self) -> str:
        return f"[{self.code}] {self.text}"

    @property
    def retryable(self) -> bool:
        return self.code in RETRYABLE


class ObjectNotFound(FlameError, KeyError):
    """No object has this key. It is also a KeyError."""


class InvalidKey(FlameError, ValueError):
    """A key, a prefix or a component of one breaks the rules for names. Also a ValueError."""


class InvalidConfig(FlameError, ValueError):
    """A setting is wrong; the text names key, value and source. Also a ValueError."""


class InvalidValue(FlameError, ValueError):
    """A value that cannot be stored: neither Arrow, JSON nor cloudpickle takes it. Also a ValueError."""


class UnreadableValue(FlameError):
    """The object is whole, but no value can be made of it here."""


class Unreachable(FlameError):
    """The server cannot be reached, or the connection to it broke."""


class DeadlineExceeded(FlameError):
    """The server did not answer in time."""


# ObjectNotFound is raised for OBJECT_NOT_FOUND, and so on; a code without a class is a plain FlameError.
_CLASSES = {re.sub(r"\B([A-Z])", r"_\1", kind.__name__).upper(): kind for kind in FlameError.__subclasses__()}


class PickleRefused(UnreadableValue):
    """The value is a pickle, and unpickling is not allowed."""


class FlameSecurityWarning(UserWarning):
    """A pickle of a server that is not on this host is read: it can run code (docs/security.md)."""


PYARROW_ERRORS = (pa.ArrowException, flight.FlightError)
_TRANSPORT = (
    (flight.FlightUnavailableError, "UNREACHABLE"),
    (flight.FlightTimedOutError, "DEADLINE_EXCEEDED"),
    (flight.FlightCancelledError, "CANCELLED"),
    (pa.ArrowInvalid, "INVALID_REQUEST"),
)


def _escaped(text: str) -> str:
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def translate(error: BaseException) -> FlameError:
    """The typed error of one that pyarrow raised during a call. What the server wrote cannot steer a terminal, in neither of the two."""
    whole = _escaped(str(error))
    if whole != str(error):
        error.args = (whole, *error.args[1:])
    match = _TEXT.search(whole)
    code, text = (match[1], match[2]) if match else (None, whole)
    if code is None:
        code = next((code for kind, code in _TRANSPORT if isinstance(error, kind)), "INTERNAL")
        if code == "INTERNAL" and _TRANSPORT_FAILURE.search(text):
            code = "UNREACHABLE"
    return _CLASSES.get(code, FlameError)(code, text)


class flight_errors:
    """Raises each exception of pyarrow that leaves the block as a FlameError with that cause."""

    # Classes, because a context manager made of a generator takes several times as long.
    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: Optional[BaseException], _trace: object) -> None:
        if isinstance(error, PYARROW_ERRORS):
            raise translate(error) from error
