"""Whether a table is sound: none of its offsets, views and indices leads out of its buffers, and its values are of their types.

The server looks at uncompressed tables when they are put. What it sends is looked at again, because it may be another server or
be told not to; compressed tables and those that are kept as bytes are looked at here alone.
"""

from __future__ import annotations

import struct
from typing import cast

import pyarrow as pa

from .config import current_config
from .errors import UnreadableValue

_FILE_MAGIC = b"ARROW1\0\0"


def checked(table: pa.Table) -> pa.Table:
    """The table, when none of its offsets and indices leads outside of it. Raises UnreadableValue."""
    if current_config().validate:
        try:
            table.validate(full=True)
        except pa.ArrowException as error:
            raise UnreadableValue("UNREADABLE_VALUE", f"the table is not a sound one: {error}") from error
    return table


def read_file(file: pa.Buffer) -> pa.Table:
    """The table in an IPC file, as views. The server has looked at what can be looked at: what was compressed is looked at here."""
    table = pa.ipc.open_file(file).read_all()
    return checked(table) if current_config().validate and _is_compressed(file) else table


def _is_compressed(file: pa.Buffer) -> bool:
    """Whether a batch of an IPC file is compressed. Nothing of its bodies is read."""
    return any(_has_compression(message) for message in pa.ipc.MessageReader.open_stream(file.slice(len(_FILE_MAGIC))))


def _has_compression(message: pa.Message) -> bool:
    """Message.fbs: Message.header is slot 2, DictionaryBatch.data 1, RecordBatch.compression 3. pyarrow has verified the offsets."""
    if message.type not in ("record batch", "dictionary"):
        return False
    bytes_ = memoryview(message.metadata)

    def number(code: str, position: int) -> int:
        return cast(int, struct.unpack_from(code, bytes_, position)[0])

    def slot(table: int, index: int) -> int:
        """Where the table in a slot begins; 0 when there is none."""
        vtable = table - number("<i", table)
        place = number("<H", vtable + 4 + 2 * index) if 4 + 2 * index < number("<H", vtable) else 0
        return table + place + number("<I", table + place) if place else 0

    batch = slot(number("<I", 0), 2)
    if message.type == "dictionary":
        batch = slot(batch, 1)
    return slot(batch, 3) != 0
