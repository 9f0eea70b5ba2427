"""Object files as others write them, and damage done to the server's."""

import io
import struct
from pathlib import Path

import pyarrow as pa

from support.opaque import SENT, rows


def dropped_bytes(value: bytes) -> bytes:
    """What a client with a `storage` setting writes: nullable fields, version cell 0, no metadata of the cache."""
    return table_bytes([rows(value, schema=SENT)])


def table_bytes(batches: list[pa.RecordBatch]) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, batches[0].schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue()


def drop(path: Path, content: bytes) -> None:
    """Straight to its final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _footer_of(content: bytes) -> tuple[int, int]:
    """Where the footer's flatbuffer begins and ends; after it come its int32 size and the magic."""
    (size,) = struct.unpack_from("<i", content, len(content) - 10)
    return len(content) - 10 - size, len(content) - 10


def _with(content: bytes, start: int, replacement: bytes) -> bytes:
    return content[:start] + replacement + content[start + len(replacement) :]


def footer_of_ones(content: bytes) -> bytes:
    start, end = _footer_of(content)
    return _with(content, start, b"\xff" * (end - start))


def footer_of_zeros(content: bytes) -> bytes:
    start, end = _footer_of(content)
    return _with(content, start, b"\0" * (end - start))


def footer_size_of_two_gigabytes(content: bytes) -> bytes:
    return _with(content, len(content) - 10, struct.pack("<i", 2**31 - 1))


def footer_size_below_zero(content: bytes) -> bytes:
    return _with(content, len(content) - 10, struct.pack("<i", -5))


def middle_cut_out(content: bytes) -> bytes:
    """Blocks of the footer point behind the end."""
    start, _ = _footer_of(content)
    return content[:8] + content[start:]
