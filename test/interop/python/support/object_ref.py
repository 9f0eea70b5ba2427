"""ObjectRef in BSON, written from the specification and not from any library.

int32 size | 0x02 "endpoint\\0" int32 size, text, 0 | 0x02 "key\\0" ... | 0x12 "version\\0" int64 | 0x00
"""

import struct
from typing import NamedTuple


class ObjectRef(NamedTuple):
    endpoint: str
    key: str
    version: int


def _text(name: str, value: str) -> bytes:
    cell = value.encode() + b"\0"
    return b"\x02" + name.encode() + b"\0" + struct.pack("<i", len(cell)) + cell


def encode(ref: ObjectRef) -> bytes:
    body = _text("endpoint", ref.endpoint) + _text("key", ref.key)
    body += b"\x12version\0" + struct.pack("<q", ref.version) + b"\0"
    return struct.pack("<i", len(body) + 4) + body


def decode(document: bytes) -> ObjectRef:
    """Decodes and insists on exactly the three fields in their order."""
    (size,) = struct.unpack_from("<i", document)
    assert size == len(document), f"BSON says {size} bytes and has {len(document)}: {document!r}"
    position, fields = 4, []
    while document[position] != 0:
        kind = document[position]
        end = document.index(b"\0", position + 1)
        name = document[position + 1 : end].decode()
        position = end + 1
        if kind == 0x02:
            (length,) = struct.unpack_from("<i", document, position)
            value = document[position + 4 : position + 3 + length].decode()
            position += 4 + length
        else:
            assert kind == 0x12, f"field {name} has BSON type {kind}, want int64"
            (value,) = struct.unpack_from("<q", document, position)
            position += 8
        fields.append((name, value))
    assert [name for name, _ in fields] == ["endpoint", "key", "version"], fields
    ref = ObjectRef(*(value for _, value in fields))
    assert encode(ref) == document, f"{document.hex()} is not {encode(ref).hex()}"
    return ref
