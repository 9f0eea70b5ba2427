"""ObjectKey and ObjectRef: the name of an object, and what is handed around to find it (docs/protocol.md)."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass

from .errors import FlameError, InvalidKey

COMPONENT_BYTES_MAX = 200
# An encoded ObjectRef: a key of 602 bytes and an endpoint, with room to spare.
REF_BYTES_MAX = 4096
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f/\\]")


def check_components(text: str, *counts: int) -> str:
    """The text, if it is that many components joined with `/`. Raises InvalidKey."""
    parts = text.split("/")
    broken = next(filter(None, map(_broken_rule, parts)), "")
    if len(parts) not in counts:
        broken = f"is missing or too many in application_id/session_id{'/object_id' if 3 in counts else ''}"
    if broken:
        raise InvalidKey("INVALID_KEY", f"a key component {broken}: {text!r}")
    return text


def _broken_rule(part: str) -> str:
    # A lone surrogate, which is no Unicode, is the only thing that this encoding replaces.
    if part.encode("utf-8", "replace").decode() != part:
        return "is not valid Unicode"
    if not 1 <= len(part.encode()) <= COMPONENT_BYTES_MAX:
        return f"is empty or longer than {COMPONENT_BYTES_MAX} bytes"
    if part.startswith(".") or part == "*":
        return "begins with a dot or is a wildcard"
    return "has a separator or a control character" if _FORBIDDEN.search(part) else ""


@dataclass(frozen=True)
class ObjectKey:
    """`application_id/session_id/object_id`; each 1 to 200 bytes and safe as a file name."""

    application_id: str
    session_id: str
    object_id: str

    def __post_init__(self) -> None:
        check_components(str(self), 3)

    def __str__(self) -> str:
        return f"{self.application_id}/{self.session_id}/{self.object_id}"

    @staticmethod
    def parse(text: str) -> ObjectKey:
        """Raises InvalidKey."""
        return ObjectKey(*check_components(text, 3).split("/"))


@dataclass(frozen=True)
class ObjectRef:
    """Where an object is and which version of it was meant; `encode()` is BSON that every client reads."""

    endpoint: str
    key: str
    version: int = 0

    def encode(self) -> bytes:
        """BSON: endpoint and key as strings, version as int64, in this order and nothing else."""
        version = b"\x12version\0" + struct.pack("<q", self.version)
        body = _bson_text(b"endpoint", self.endpoint) + _bson_text(b"key", self.key) + version + b"\0"
        return struct.pack("<i", len(body) + 4) + body

    @staticmethod
    def decode(document: bytes) -> ObjectRef:
        """Takes int32 and int64, and reads a missing version as 0. Raises FlameError INVALID_REQUEST.

        Its key keeps the rules for names, so that it may become part of a path.
        """
        try:
            if len(document) > REF_BYTES_MAX:
                raise ValueError(f"{len(document)} bytes are too many")
            fields = _bson_fields(bytes(document))
            endpoint, key, version = fields["endpoint"], fields["key"], fields.get("version", 0)
        except (struct.error, ValueError, LookupError) as error:
            raise FlameError("INVALID_REQUEST", f"these bytes are no ObjectRef: {error}") from error
        if not (isinstance(endpoint, str) and isinstance(key, str) and isinstance(version, int)):
            raise FlameError("INVALID_REQUEST", "a field of this ObjectRef has another type")
        try:
            return ObjectRef(endpoint, check_components(key, 3), version)
        except InvalidKey as error:
            raise FlameError("INVALID_REQUEST", f"this ObjectRef names no object: {error.text}") from error


def _bson_text(name: bytes, value: str) -> bytes:
    cell = value.encode() + b"\0"
    return b"\x02" + name + b"\0" + struct.pack("<i", len(cell)) + cell


def _bson_fields(document: bytes) -> dict[str, object]:
    (size,) = struct.unpack_from("<i", document)
    if size != len(document) or document[-1] != 0:
        raise ValueError(f"{len(document)} bytes that say they are {size}")
    fields: dict[str, object] = {}
    position = 4
    while document[position] != 0:
        kind, end = document[position], document.index(b"\0", position)
        name, position = document[position + 1 : end].decode(), end + 1
        if kind == 0x02:
            (length,) = struct.unpack_from("<i", document, position)
            end = position + 4 + length
            if length < 1 or end >= size or document[end - 1] != 0:
                raise ValueError(f"field {name} does not end where it says")
            fields[name], position = document[position + 4 : end - 1].decode(), end
        elif kind in (0x10, 0x12):
            form, width = ("<i", 4) if kind == 0x10 else ("<q", 8)
            (fields[name],) = struct.unpack_from(form, document, position)
            position += width
        else:
            raise ValueError(f"field {name} has BSON type {kind}")
    return fields
