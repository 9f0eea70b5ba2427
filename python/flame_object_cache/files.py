"""Files of the caller: an upload reads them, and a download writes them so that a partial file is
never visible.
"""

from __future__ import annotations

import os
import uuid
from contextlib import nullcontext, suppress
from typing import IO, ContextManager, Iterable, Iterator, Union

import pyarrow as pa

from .puts import opaque_row
from .local_files import SLICE_BYTES

PathOrFile = Union[str, "os.PathLike[str]", IO[bytes]]


def opened(path_or_file: PathOrFile) -> ContextManager[IO[bytes]]:
    """The file, open for reading. A file that the caller opened stays open."""
    if isinstance(path_or_file, (str, os.PathLike)):
        return open(path_or_file, "rb")
    return nullcontext(path_or_file)


def rows_of(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    """The bytes of the file in rows of at most 1 MiB."""
    for chunk in iter(lambda: file.read(SLICE_BYTES), b""):
        yield opaque_row(pa.py_buffer(chunk))


def write(pieces: Iterable[memoryview], path_or_file: PathOrFile) -> None:
    """Writes to a file, or to a path: under a temporary name that is renamed when complete. Creates
    missing parent directories.
    """
    if not isinstance(path_or_file, (str, os.PathLike)):
        path_or_file.writelines(pieces)
        return
    path = os.fspath(path_or_file)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    aside = f"{path}.{uuid.uuid4()}.part"
    try:
        with open(aside, "xb") as file:
            file.writelines(pieces)
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)
        raise
