"""Reads and writes object files on a disk that this client shares with the server.

A file is written under a temporary name and renamed, so that the server never sees a partial file.
Buffers are written without a copy. A file is read by memory map. The server never changes a file
after the rename, and the mapping keeps its inode, so views stay valid after updates and deletes of
the object. Symbolic links below the storage directory are never followed.
"""

from __future__ import annotations

import mmap
import os
import stat
import sys
import uuid
from contextlib import contextmanager, suppress
from typing import Any, Dict, Iterable, Iterator, List, Tuple, Union
from urllib.parse import parse_qs, unquote, urlsplit

import pyarrow as pa

from .batches import batches_of
from .puts import OPAQUE_SCHEMA, opaque_row
from .soundness import read_file
from .values import COPIED_BYTES_MAX, Parts, written_parts

OPAQUE_BYTES_MAX = 2**31 - 1
SLICE_BYTES = 1 << 20
# The length allows a path of 4096 percent-encoded bytes and the facts after it.
LOCATION_LENGTH_MAX, LOCATION_FACTS_MAX = 16_384, 16


def open_location(uri: str, key: str) -> pa.Table:
    """The table in the file of a `file://` location, as views of a mapping.

    The path comes from the server and is not trusted. The file must be a regular file with the
    object's name, reached without a symbolic link below the storage directory. Its size, device,
    inode and modification time must be those in the location. Raises OSError otherwise.
    """
    path, facts = _parse_location(uri)
    ending = f"/{key}.arrow"
    if not path.endswith(ending):
        raise OSError("the location names the file of another object")
    *parents, name = ending[1:].split("/")
    with _directory(path[: -len(ending)] or "/", parents) as parent:
        # Checked before the open, because opening a device can have side effects.
        _check_identity(os.stat(name, dir_fd=parent, follow_symlinks=False), facts)
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    try:
        seen = os.fstat(descriptor)
        _check_identity(seen, facts)
        file = _mapped(descriptor, seen.st_size)
    finally:
        os.close(descriptor)
    return read_file(file)


def _mapped(descriptor: int, size: int) -> pa.Buffer:
    """A mapping without a descriptor, because a program may hold thousands of views."""
    if sys.version_info >= (3, 13):
        return pa.py_buffer(mmap.mmap(descriptor, size, access=mmap.ACCESS_READ, trackfd=False))
    # A mapping of Python keeps a descriptor. A mapping of Arrow does not after its file is closed.
    with pa.memory_map(f"/dev/fd/{descriptor}") as file:
        buffer = file.read_buffer()
    if buffer.size != size:
        raise OSError("the size of the file changed after it was opened")
    return buffer


def _parse_location(uri: str) -> Tuple[str, Dict[str, List[str]]]:
    if len(uri) > LOCATION_LENGTH_MAX:
        raise OSError("the location is too long")
    place = urlsplit(uri)
    path = unquote(place.path, errors="strict")
    if place.scheme != "file" or place.netloc not in ("", "localhost") or not path.startswith("/") or "\0" in path:
        raise OSError("the location is not a file on this host")
    return path, parse_qs(place.query, max_num_fields=LOCATION_FACTS_MAX)


def _check_identity(seen: os.stat_result, facts: Dict[str, List[str]]) -> None:
    numbers = {"size": seen.st_size, "dev": seen.st_dev, "ino": seen.st_ino, "mtime_ns": seen.st_mtime_ns}
    if any(facts.get(name) != [str(number)] for name, number in numbers.items()):
        raise OSError("the file is not the one that the location describes")
    # Files in /proc have size 0, and their content is generated when it is read.
    if not stat.S_ISREG(seen.st_mode) or seen.st_size == 0:
        raise OSError("the location does not lead to an object file")


@contextmanager
def _directory(root: str, names: Iterable[str], *, make: bool = False) -> Iterator[int]:
    """A descriptor of a directory below `root`, for `dir_fd`. Raises OSError if a name below `root`
    is a symbolic link.
    """
    if os.open not in os.supports_dir_fd:
        raise OSError("this system cannot open a file relative to a directory")
    # With O_PATH, Linux requires only the permission to search the directory.
    flags = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
    descriptor = os.open(root, flags)
    try:
        for name in names:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(name, dir_fd=descriptor)
            inner = os.open(name, flags | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def write_object(storage: str, prefix: str, encoded: Union[pa.Table, Parts]) -> str:
    """Writes the file of a new object and returns its key. Raises OSError and leaves no file."""
    key = f"{prefix}/{uuid.uuid4()}"
    if isinstance(encoded, list):
        parts = _opaque_parts(encoded)
    else:
        parts = written_parts(pa.ipc.new_file, encoded.schema, batches_of(encoded))
    os.makedirs(storage, exist_ok=True)
    *parents, name = f"{key}.arrow".split("/")
    with _directory(storage, [".staging"], make=True) as staging, _directory(storage, parents, make=True) as session:
        staged = f"python-{uuid.uuid4()}"
        try:
            with open(staged, "xb", opener=lambda path, flags: os.open(path, flags, 0o666, dir_fd=staging)) as file:
                file.writelines(slices_of(parts))
            os.rename(staged, name, src_dir_fd=staging, dst_dir_fd=session)
        except BaseException:
            with suppress(OSError):
                os.unlink(staged, dir_fd=staging)
            raise
    return key


def remove_object(storage: str, key: str) -> None:
    """Removes the file that `write_object` wrote, if it exists."""
    *parents, name = f"{key}.arrow".split("/")
    with suppress(OSError), _directory(storage, parents) as session:
        os.unlink(name, dir_fd=session)


def slices_of(parts: Iterable[pa.Buffer]) -> Iterator[Any]:
    """Views of at most 1 MiB: one large write can wait long for memory in large pages."""
    for part in parts:
        yield from (memoryview(part)[start : start + SLICE_BYTES] for start in range(0, part.size, SLICE_BYTES))


def _opaque_parts(parts: Parts) -> Parts:
    """A file of one row.

    A large value is laid out as zeros in memory that is never touched; its parts then replace the
    zeros. The value begins at a multiple of 64: metadata pads the schema to the necessary length.
    """
    size = sum(part.size for part in parts)
    if size > OPAQUE_BYTES_MAX:
        raise OSError(f"{size} bytes are too many for one row")
    value = pa.py_buffer(mmap.mmap(-1, max(size, COPIED_BYTES_MAX + 1)))
    padding, laid_out = "", []
    for _ in range(2):
        schema = OPAQUE_SCHEMA.with_metadata({"padding": padding})
        row = opaque_row(value.slice(0, size) if size > COPIED_BYTES_MAX else pa.py_buffer(b"".join(parts)))
        laid_out = written_parts(pa.ipc.new_file, schema, [row.replace_schema_metadata(schema.metadata)])
        padding = "." * (-laid_out[0].size % 64)
    return [part for piece in laid_out for part in (parts if piece.address == value.address else [piece])]
