"""Writes pickles by cloudpickle, and reads them only if that is allowed. Large buffers are stored
after the pickle (buffered_pickle.py).
"""

from __future__ import annotations

import pickle
from typing import Any, Iterable, List

import cloudpickle
import pyarrow as pa

from . import buffered_pickle
from .errors import InvalidValue, PickleRefused, UnreadableValue

PICKLE, BUFFERED = b"FLM\x00", b"FLM\x07"
# Buffers of a pickle are stored apart, and read as views, from this size on.
VIEWED_BYTES_MIN = 1 << 16


def begins_pickle(start: bytes) -> bool:
    """Whether a value with these first bytes is a pickle. Generation 1 wrote no tag."""
    return start in (PICKLE, BUFFERED) or start[:1] == b"\x80"


def pickled(obj: Any, *, in_band: bool = True) -> List[pa.Buffer]:
    """Parts to be joined. Raises InvalidValue. `in_band`: keeps buffers inside the pickle, as older
    clients need it.
    """
    buffers: List[memoryview] = []

    def is_small(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes >= VIEWED_BYTES_MIN:
            buffers.append(raw)
        return raw.nbytes < VIEWED_BYTES_MIN

    try:
        text = cloudpickle.dumps(obj, protocol=5, buffer_callback=None if in_band else is_small)
    except Exception as error:  # noqa: BLE001  (whatever the value's own methods raise)
        raise InvalidValue("INVALID_VALUE", f"a value of {type(obj)} cannot be pickled: {error}") from error
    parts = buffered_pickle.encode(BUFFERED, text, buffers) if buffers else [PICKLE, text]
    return [pa.py_buffer(part) for part in parts]


def unpickled(value: pa.Buffer, allow_pickle: bool) -> Any:
    """The unpickled value. Raises UnreadableValue, and PickleRefused before a byte is unpickled."""
    if not allow_pickle:
        reason = "the object is a pickle (FLM\\x00), and unpickling is switched off: allow_pickle"
        raise PickleRefused("UNREADABLE_VALUE", reason)
    start = value.slice(0, min(4, value.size)).to_pybytes()
    text: Any = value.slice(4) if start == PICKLE else value
    buffers: Iterable[memoryview] = ()
    if start == BUFFERED:
        text, *buffers = _with_buffers(value)
    try:
        return pickle.loads(text, buffers=buffers)
    except Exception as error:  # noqa: BLE001  (whatever the pickled classes raise)
        raise UnreadableValue("UNREADABLE_VALUE", f"the value cannot be unpickled: {error!r}") from error


def _with_buffers(value: pa.Buffer) -> List[memoryview]:
    if value.address % buffered_pickle.ALIGNMENT_MIN:
        value = pa.py_buffer(value.to_pybytes())
    try:
        return buffered_pickle.decode(memoryview(value).toreadonly())
    except ValueError as error:
        raise UnreadableValue("UNREADABLE_VALUE", f"the value with tag {BUFFERED!r} is damaged: {error}") from error
