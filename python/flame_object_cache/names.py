"""ObjectKey, the name of an object, and ObjectRef, the reference that programs pass on
(docs/protocol.md).
"""

from __future__ import annotations

import re
import struct
import uuid
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Optional

from .errors import FlameError, InvalidKey

# Stands for all sessions of an application.
WILDCARD_SESSION = "*"
COMPONENT_BYTES_MAX = 200
# More than enough for an encoded ObjectRef with a key of 602 bytes and an endpoint.
REF_BYTES_MAX = 4096
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f/\\]")


@lru_cache(maxsize=1024)
def check_components(text: str, *counts: int) -> str:
    """The text, if it has one of these counts of components between `/`. Raises InvalidKey."""
    parts = text.split("/")
    broken = next(filter(None, map(_broken_rule, parts)), "")
    if len(parts) not in counts:
        broken = f"is missing or too many in application_id/session_id{'/object_id' if 3 in counts else ''}"
    if broken:
        raise InvalidKey("INVALID_KEY", f"a key component {broken}: {text!r}")
    return text


def _broken_rule(part: str) -> str:
    # This encoding replaces only lone surrogates, which are not valid Unicode.
    if part.encode("utf-8", "replace").decode() != part:
        return "is not valid Unicode"
    if not 1 <= len(part.encode()) <= COMPONENT_BYTES_MAX:
        return f"is empty or longer than {COMPONENT_BYTES_MAX} bytes"
    if part.startswith(".") or part == "*":
        return "begins with a dot or is a wildcard"
    return "has a separator or a control character" if _FORBIDDEN.search(part) else ""


@dataclass(frozen=True)
class ObjectKey:
    """The name of an object, or of a prefix: `app/session/object`, `app/session`, or `app/*` for
    all sessions.

    Each component is 1 to 200 bytes of UTF-8 and safe as a file name. `str()` gives the text.
    Raises InvalidKey, a ValueError.
    """

    app_name: str
    session_id: str
    object_id: Optional[str] = None

    def __post_init__(self) -> None:
        if self.session_id == WILDCARD_SESSION and self.object_id is None:
            check_components(self.app_name, 1)
        elif self.object_id is None:
            check_components(self.to_prefix(), 2)
        else:
            check_components(f"{self.to_prefix()}/{self.object_id}", 3)

    def __str__(self) -> str:
        return self.to_key() or self.to_prefix()

    @property
    def application_id(self) -> str:
        """The same as `app_name`; this is its name in the protocol."""
        return self.app_name

    @classmethod
    def parse(cls, text: str) -> ObjectKey:
        """The key of an object, `app/session/object`. Raises InvalidKey."""
        return cls(*check_components(text, 3).split("/"))

    @classmethod
    def from_key(cls, key: str) -> ObjectKey:
        """The same as `parse`. Raises InvalidKey."""
        return cls.parse(key)

    @classmethod
    def from_prefix(cls, prefix: str) -> ObjectKey:
        """The key of a prefix, `app/session` or `app/*`. Raises InvalidKey."""
        key = cls.from_path(prefix)
        if key.object_id is not None:
            raise InvalidKey("INVALID_KEY", f"not a prefix of two components, app/session: {prefix!r}")
        return key

    @classmethod
    def from_path(cls, path: str) -> ObjectKey:
        """The key of an object or a prefix: `app/session/object`, `app/session` or `app/*`.

        Raises InvalidKey.
        """
        parts = path.split("/")
        if len(parts) not in (2, 3):
            check_components(path, 2, 3)
        return cls(*parts)

    @classmethod
    def for_shared(cls, app_name: str) -> ObjectKey:
        """The prefix `app/shared`. Raises InvalidKey."""
        return cls(app_name, "shared")

    @classmethod
    def for_all_sessions(cls, app_name: str) -> ObjectKey:
        """The prefix `app/*`, which names all sessions of an application. Raises InvalidKey."""
        return cls(app_name, WILDCARD_SESSION)

    def is_all_sessions(self) -> bool:
        """Whether this is `app/*`."""
        return self.session_id == WILDCARD_SESSION

    def with_generated_id(self) -> ObjectKey:
        """A key of the same session with a new UUID. Raises InvalidKey for `app/*`."""
        return ObjectKey(self.app_name, self.session_id, str(uuid.uuid4()))

    def to_prefix(self) -> str:
        """`app/session`, without the object."""
        return f"{self.app_name}/{self.session_id}"

    def to_key(self) -> Optional[str]:
        """`app/session/object`; None for a prefix."""
        return None if self.object_id is None else f"{self.to_prefix()}/{self.object_id}"

    def matches_key(self, key: str) -> bool:
        """Whether this is the key, or a prefix of it. `key` has the form `app/session/object`."""
        app_name, _, rest = key.partition("/")
        session_id, _, object_id = rest.partition("/")
        if not session_id or not object_id or "/" in object_id or app_name != self.app_name:
            return False
        return self.is_all_sessions() or (session_id == self.session_id and self.object_id in (None, object_id))


@dataclass(unsafe_hash=True)
class ObjectRef:
    """The endpoint, key and version of an object. `encode()` gives BSON that every client reads.

    `version` can be set. After `ref.version = 0`, `get_object` receives the whole object again,
    even if this client keeps a copy. References of one object have the same hash, whatever their
    versions.
    """

    endpoint: str
    key: str
    version: int = field(default=0, hash=False)

    def encode(self) -> bytes:
        """BSON with exactly these fields in this order: strings endpoint and key, int64 version."""
        version = b"\x12version\0" + struct.pack("<q", self.version)
        body = _bson_text(b"endpoint", self.endpoint) + _bson_text(b"key", self.key) + version + b"\0"
        return struct.pack("<i", len(body) + 4) + body

    @staticmethod
    def decode(document: bytes) -> ObjectRef:
        """The reference in a BSON document. A missing version counts as 0.

        Raises FlameError INVALID_REQUEST, also for an invalid key: a key can become part of a path.
        """
        try:
            if len(document) > REF_BYTES_MAX:
                raise ValueError(f"{len(document)} bytes, more than {REF_BYTES_MAX}")
            fields = _bson_fields(bytes(document))
            endpoint, key, version = fields["endpoint"], fields["key"], fields.get("version", 0)
        except (struct.error, ValueError, LookupError) as error:
            raise FlameError("INVALID_REQUEST", f"these bytes are not an ObjectRef: {error}") from error
        if not (isinstance(endpoint, str) and isinstance(key, str) and isinstance(version, int)):
            raise FlameError("INVALID_REQUEST", "a field of this ObjectRef has the wrong type")
        try:
            return ObjectRef(endpoint, check_components(key, 3), version)
        except InvalidKey as error:
            raise FlameError("INVALID_REQUEST", f"the key of this ObjectRef is invalid: {error.text}") from error


def _bson_text(name: bytes, value: str) -> bytes:
    cell = value.encode() + b"\0"
    return b"\x02" + name + b"\0" + struct.pack("<i", len(cell)) + cell


def _bson_fields(document: bytes) -> dict[str, object]:
    (size,) = struct.unpack_from("<i", document)
    if size != len(document) or document[-1] != 0:
        raise ValueError(f"the document has {len(document)} bytes, but declares {size}")
    fields: dict[str, object] = {}
    position = 4
    while document[position] != 0:
        kind, end = document[position], document.index(b"\0", position)
        name, position = document[position + 1 : end].decode(), end + 1
        if kind == 0x02:
            (length,) = struct.unpack_from("<i", document, position)
            end = position + 4 + length
            if length < 1 or end >= size or document[end - 1] != 0:
                raise ValueError(f"field {name} does not end at its declared length")
            fields[name], position = document[position + 4 : end - 1].decode(), end
        elif kind in (0x10, 0x12):
            form, width = ("<i", 4) if kind == 0x10 else ("<q", 8)
            (fields[name],) = struct.unpack_from(form, document, position)
            position += width
        else:
            raise ValueError(f"field {name} has BSON type {kind}")
    return fields
