"""A pickle of protocol 5 whose large buffers (arrays, Arrow's buffers) lie behind it, where they are read as views (PEP 574).

    0    4   tag FLM\\x07                         16   8 x N   length of each buffer
    4    4   N, the number of buffers, uint32    ...          the pickle
    8    8   length of the pickle, uint64        ...          zeros, a buffer, zeros, a buffer ...

Numbers are little-endian; each buffer begins at a multiple of 64 from the tag on, and the value ends with the last one. An older
reader takes the tag for a text float of pickle's first protocol, which `LM...` is not: it fails and runs nothing.
"""

from __future__ import annotations

import struct
from typing import List, Sequence, Union

_HEAD = struct.Struct("<4sIQ")
_ALIGNMENT = 64
# What numpy and Arrow need of the address of numbers.
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
    # Buffers of a multiple of 64 need nothing between them.
    return [part for part in parts if len(part)]


def decode(value: memoryview) -> List[memoryview]:
    """The pickle, then its buffers, as views. Raises ValueError when they do not fit."""
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
