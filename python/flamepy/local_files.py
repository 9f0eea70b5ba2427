"""Object files on a disk that this client shares with the server: written without it, and read by memory map.

A file is written aside and renamed, so that the server never sees half of one. A mapped file is never written again; its
inode, and with it the views, outlive updates and deletes of the object. Buffers go to the file as they are, without a copy.
"""

from __future__ import annotations

import mmap
import os
import sys
import uuid
from contextlib import suppress
from typing import Any, Iterable, Iterator
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa

from .connection import OPAQUE_SCHEMA, opaque_row
from .values import COPIED_BYTES_MAX, Encoded, Parts, written_parts

OPAQUE_BYTES_MAX = 2**31 - 1
SLICE_BYTES = 1 << 20


def open_location(uri: str) -> pa.Table:
    """The table in the file of a `file://` location, as views of a mapping. Raises OSError when it is not that very file."""
    place = urlsplit(uri)
    facts = parse_qs(place.query)
    descriptor = os.open(unquote(place.path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        seen = os.fstat(descriptor)
        numbers = {"size": seen.st_size, "dev": seen.st_dev, "ino": seen.st_ino, "mtime_ns": seen.st_mtime_ns}
        if any(facts.get(name) != [str(number)] for name, number in numbers.items()):
            raise OSError("another file is at the place that the server told")
        # The mapping needs no descriptor of its own to live on.
        options = {"trackfd": False} if sys.version_info >= (3, 13) else {}
        mapping = mmap.mmap(descriptor, seen.st_size, access=mmap.ACCESS_READ, **options)
    finally:
        os.close(descriptor)
    return pa.ipc.open_file(pa.py_buffer(mapping)).read_all()


def write_object(storage: str, prefix: str, encoded: Encoded) -> str:
    """Writes a new object's file and returns the object's key; raises OSError and leaves nothing otherwise."""
    key = f"{prefix}/{uuid.uuid4()}"
    if isinstance(encoded, pa.Table):
        parts = written_parts(pa.ipc.new_file, encoded.schema, encoded.to_batches())
    else:
        parts = _opaque_parts(encoded)
    staged, target = os.path.join(storage, ".staging", f"flamepy-{uuid.uuid4()}"), path_of(storage, key)
    for path in (staged, target):
        os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        with open(staged, "xb") as file:
            file.writelines(slices_of(parts))
        os.rename(staged, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(staged)
        raise
    return key


def slices_of(parts: Iterable[pa.Buffer]) -> Iterator[Any]:
    """Views of at most 1 MiB: a single write of much more can wait long for memory in large pages."""
    for part in parts:
        yield from (memoryview(part)[start : start + SLICE_BYTES] for start in range(0, part.size, SLICE_BYTES))


def path_of(storage: str, key: str) -> str:
    return os.path.join(storage, *key.split("/")) + ".arrow"


def _opaque_parts(parts: Parts) -> Parts:
    """A file of one row. A large value is laid out as zeros that nobody touches, and its parts take their place.

    It begins at a multiple of 64: the schema has metadata of the length that is missing.
    """
    size = sum(part.size for part in parts)
    if size > OPAQUE_BYTES_MAX:
        raise OSError(f"{size} bytes are too many for one row")
    value = pa.py_buffer(mmap.mmap(-1, max(size, COPIED_BYTES_MAX + 1)))
    padding = ""
    for _ in range(2):
        schema = OPAQUE_SCHEMA.with_metadata({"padding": padding})
        row = opaque_row(value.slice(0, size) if size > COPIED_BYTES_MAX else pa.py_buffer(b"".join(parts)))
        laid_out = written_parts(pa.ipc.new_file, schema, [row.replace_schema_metadata(schema.metadata)])
        padding = "." * (-laid_out[0].size % 64)
    return [part for piece in laid_out for part in (parts if piece.address == value.address else [piece])]
