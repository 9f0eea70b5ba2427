"""Object files on a disk that this client shares with the server: written without it, and read by memory map.

A file is written aside and renamed, so that the server never sees half of one. A mapped file is never written again; its
inode, and with it the views, outlive updates and deletes of the object.
"""

from __future__ import annotations

import mmap
import os
import sys
import uuid
from contextlib import suppress
from functools import lru_cache
from typing import IO, List, Union
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa

from .connection import OPAQUE_SCHEMA, opaque_row
from .values import Encoded, Parts

OPAQUE_BYTES_MAX = 2**31 - 1
_ALIGNMENT = 64


def open_location(uri: str) -> pa.Table:
    """The table in the file of a `file://` location, as views of a mapping. Raises OSError when it is not that very file."""
    place = urlsplit(uri)
    facts = {name: int(values[0]) for name, values in parse_qs(place.query).items()}
    descriptor = os.open(unquote(place.path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    try:
        seen = os.fstat(descriptor)
        if (seen.st_size, seen.st_dev, seen.st_ino, seen.st_mtime_ns) != tuple(
            facts.get(name) for name in ("size", "dev", "ino", "mtime_ns")
        ):
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
    staged = os.path.join(storage, ".staging", f"flamepy-{uuid.uuid4()}")
    os.makedirs(os.path.dirname(staged), exist_ok=True)
    try:
        if isinstance(encoded, pa.Table):
            with pa.OSFile(staged, "wb") as sink, pa.ipc.new_file(sink, encoded.schema) as writer:
                writer.write_table(encoded)
        else:
            _write_opaque(staged, encoded)
        target = path_of(storage, key)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.rename(staged, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(staged)
        raise
    return key


def path_of(storage: str, key: str) -> str:
    return os.path.join(storage, *key.split("/")) + ".arrow"


def _write_opaque(path: str, parts: Parts) -> None:
    """One row. Arrow writes a value of zeros that is never touched, and in its place go the parts."""
    size = sum(part.size for part in parts)
    if size > OPAQUE_BYTES_MAX:
        raise OSError(f"{size} bytes are too many for one row")
    with open(path, "xb") as file:
        _write_row(_Splice(file, pa.py_buffer(mmap.mmap(-1, size)), parts), _aligning_schema())


class _Splice:
    """A file for Arrow's writers that writes `parts` where the placeholder would be."""

    closed = False

    def __init__(self, file: IO[bytes], placeholder: pa.Buffer, parts: Parts) -> None:
        self.file, self.placeholder, self.parts = file, placeholder, parts
        self.start = -1
        self._position = 0

    def write(self, chunk: Union[bytes, pa.Buffer]) -> None:
        chunks: List[Union[bytes, pa.Buffer]] = [chunk]
        if isinstance(chunk, pa.Buffer) and chunk.address == self.placeholder.address:
            chunks, self.start = [*self.parts], self._position
        for piece in chunks:
            self.file.write(piece)
        self._position += len(chunk)

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        pass


def _write_row(splice: _Splice, schema: pa.Schema) -> None:
    batch = opaque_row(splice.placeholder).replace_schema_metadata(schema.metadata)
    with pa.PythonFile(splice, "w") as sink, pa.ipc.new_file(sink, schema) as writer:
        writer.write_batch(batch)


@lru_cache(maxsize=1)
def _aligning_schema() -> pa.Schema:
    """The schema of an opaque value, with as much metadata as brings the value to a multiple of 64 in its file."""
    cell = pa.py_buffer(bytes(8))
    for length in range(0, 2 * _ALIGNMENT, 4):
        schema = OPAQUE_SCHEMA.with_metadata({"padding": "." * length})
        with open(os.devnull, "wb") as nowhere:
            splice = _Splice(nowhere, cell, [cell])
            _write_row(splice, schema)
        if splice.start % _ALIGNMENT == 0:
            return schema
    return OPAQUE_SCHEMA
