"""A pickle of protocol 5 followed by its large buffers (of arrays or Arrow), which are read as
views (PEP 574).

    0    4   tag FLM\\x07                         16   8 x N   length of each buffer
    4    4   N, the number of buffers, uint32    ...          the pickle
    8    8   length of the pickle, uint64        ...          zeros, a buffer, zeros, a buffer ...

Numbers are little-endian. Each buffer begins at a multiple of 64 bytes after the start of the tag;
the value ends with the last buffer. An older reader takes `F` for a text float of pickle's first
protocol. `LM...` is not a float, so that reader fails and runs nothing.
"""

from __future__ import annotations

import struct
from typing import List, Sequence, Union

_HEAD = struct.Struct("<4sIQ")
_ALIGNMENT = 64
# The alignment that numpy and Arrow need for numbers.
ALIGNMENT_MIN = 16
Bytes = Union[bytes, memoryview]


def encode(tag: bytes, text: bytes, buffers: Sequence[memoryview]) -> List[Bytes]:
    """Parts to be joined; the buffers are views."""
    lengths = [buffer.nbytes for buffer in buffers]
    small = _HEAD.pack(tag, len(lengths), len(text)) + struct.pack(f"<{len(lengths)}Q", *lengths) + text
    parts: List[Bytes] = []
    for buffer in buffers:
        parts += [small + bytes(-len(small) % _ALIGNMENT), buffer]
        small = bytes(-buffer.nbytes % _ALIGNMENT)
    # The padding after a buffer is empty if its size is a multiple of 64.
    return [part for part in parts if len(part)]


def decode(value: memoryview) -> List[memoryview]:
    """Views of the pickle and of its buffers. Raises ValueError if they exceed the value."""
    if len(value) < _HEAD.size:
        raise ValueError("its head is cut off")
    _, count, text_size = _HEAD.unpack_from(value)
    place = _HEAD.size + 8 * count
    if place > len(value):
        raise ValueError(f"{count} buffers in {len(value)} bytes")
    views: List[memoryview] = []
    for size in (text_size, *struct.unpack_from(f"<{count}Q", value, _HEAD.size)):
        place += -place % _ALIGNMENT if views else 0
        if size > len(value) - place:
            raise ValueError(f"a buffer of {size} bytes at {place} of {len(value)}")
        views.append(value[place : place + size])
        place += size
    return views
