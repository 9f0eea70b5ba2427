"""Expectations that plain `assert` does not say: refused calls, and what becomes true after a while.

pyarrow folds several gRPC statuses into one exception, so a refusal is checked by both: the exception's class
and the code in brackets that begins the server's text, which pyarrow quotes after "with message: ".
"""

import time
from contextlib import contextmanager
from typing import Callable

import pyarrow as pa
import pyarrow.flight as flight

# Code of the server's error table -> what pyarrow 26 makes of its gRPC status.
EXCEPTIONS = {
    "INVALID_KEY": pa.ArrowInvalid,
    "INVALID_REQUEST": pa.ArrowInvalid,
    "INVALID_IPC": pa.ArrowInvalid,
    "UNKNOWN_ACTION": pa.ArrowInvalid,
    "OBJECT_NOT_FOUND": pa.ArrowKeyError,
    "NOT_IMPLEMENTED": pa.ArrowNotImplementedError,
    "OBJECT_CORRUPT": flight.FlightInternalError,
    "OBJECT_TOO_LARGE": pa.ArrowInvalid,
    "UNAUTHENTICATED": flight.FlightUnauthenticatedError,
    "PERMISSION_DENIED": flight.FlightUnauthorizedError,
}


@contextmanager
def refused(*codes: str, about: object = ""):
    """The block must fail with this code, or with one of these where the specification leaves it open."""
    try:
        yield
    except Exception as error:  # noqa: BLE001  (the class is what is being checked)
        seen = f"{type(error).__name__}: {error}"
        assert any(is_refusal(error, code) for code in codes), f"{about!r}: want {codes}, seen {seen}"
    else:
        raise AssertionError(f"{about!r} was accepted; want {codes}")


def is_refusal(error: Exception, code: str) -> bool:
    return isinstance(error, EXCEPTIONS[code]) and f"with message: [{code}] " in str(error)


def eventually(what: str, condition: Callable[[], object], deadline_seconds: float = 20.0) -> object:
    """Polls until the condition holds; its last value is returned, or told when time is up."""
    end = time.monotonic() + deadline_seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_seconds} s: {what} (last seen {value!r})")
        time.sleep(0.01)


def same_batches(seen: list[pa.RecordBatch], put: list[pa.RecordBatch]) -> None:
    """Batch by batch: the same boundaries, the same schema with its metadata, the same cells, all of them valid."""
    assert [batch.num_rows for batch in seen] == [batch.num_rows for batch in put], (seen, put)
    for index, (one, other) in enumerate(zip(seen, put)):
        one.validate(full=True)
        assert one.schema.equals(other.schema, check_metadata=True), f"{one.schema}\n!=\n{other.schema}"
        assert one.equals(other), f"batch {index}: {one.to_pylist()} != {other.to_pylist()}"
