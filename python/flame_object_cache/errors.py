"""FlameError and its subclasses: every failure of a call, with a code from the table in
docs/errors.md.

pyarrow maps several gRPC statuses to one exception, so the code is parsed from the brackets at the
start of the server's error text. An error without a code comes from the transport; its class
determines the code. The exception of pyarrow is kept as the cause.
"""

from __future__ import annotations

import re
from typing import Optional

import pyarrow as pa
import pyarrow.flight as flight

# Codes after which the same call may succeed later.
RETRYABLE = {"DEADLINE_EXCEEDED", "OVERLOADED", "SHUTTING_DOWN", "UNREACHABLE", "STORAGE_IO", "STORAGE_UNAVAILABLE"}
_TEXT = re.compile(r"with message: (?:\[([A-Z_]+)\] )?(.*?)(?:\. gRPC client debug context|\. Client context|$)", re.S)
# Control characters except line feed and tab; line separators and direction marks.
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_TRANSPORT_FAILURE = re.compile(r"stream removed|socket closed|connection reset|broken pipe|goaway|rst_stream", re.I)


class FlameError(Exception):
    """An error with a `code` of the error table. `str()` gives `[CODE] text`."""

    # Set if the server was lost and another one can answer the same call.
    has_alternative = False

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
    """The value cannot be stored by Arrow, JSON or cloudpickle. Also a ValueError."""


class UnreadableValue(FlameError):
    """The object was received, but this client cannot decode it."""


class Unreachable(FlameError):
    """The server cannot be reached, or the connection to it broke."""


class DeadlineExceeded(FlameError):
    """The server did not answer in time."""


class Unauthenticated(FlameError):
    """The server requires credentials, or does not accept those of this client."""


class PermissionDenied(FlameError):
    """The server's access rules do not allow this caller to do this."""


# OBJECT_NOT_FOUND raises ObjectNotFound, and so on. A code without a class raises FlameError.
_CLASSES = {re.sub(r"\B([A-Z])", r"_\1", kind.__name__).upper(): kind for kind in FlameError.__subclasses__()}


class PickleRefused(UnreadableValue):
    """The value is a pickle, and unpickling is not allowed."""


class FlameSecurityWarning(UserWarning):
    """A pickle from a server on another host can run code here, a token is sent without TLS, or
    every user of this host can read a file with a secret (docs/security.md).
    """


PYARROW_ERRORS = (pa.ArrowException, flight.FlightError)
_TRANSPORT = (
    (flight.FlightUnavailableError, "UNREACHABLE"),
    (flight.FlightTimedOutError, "DEADLINE_EXCEEDED"),
    (flight.FlightCancelledError, "CANCELLED"),
    (flight.FlightUnauthenticatedError, "UNAUTHENTICATED"),
    (flight.FlightUnauthorizedError, "PERMISSION_DENIED"),
    (pa.ArrowInvalid, "INVALID_REQUEST"),
)


def _escaped(text: str) -> str:
    return _UNSEEN.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def translate(error: BaseException) -> FlameError:
    """The FlameError for an exception of pyarrow. Escapes control characters in the texts of both
    errors, so that a server cannot send commands to a terminal.
    """
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

    # A class, because a context manager made from a generator is several times slower.
    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: Optional[BaseException], _trace: object) -> None:
        if error is not None and isinstance(error, PYARROW_ERRORS):
            raise translate(error) from error
