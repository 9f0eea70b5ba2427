"""Validates tables: offsets, views and indices must stay inside their buffers, and values must fit
their types.

The server validates uncompressed tables when they are put. The client validates received tables
again, because the server may be another product or may have validation switched off. Only the
client can validate compressed tables and tables that are stored as bytes.
"""

from __future__ import annotations

import struct
from typing import cast

import pyarrow as pa

from .config import current_config
from .errors import UnreadableValue

_FILE_MAGIC = b"ARROW1\0\0"


def checked(table: pa.Table) -> pa.Table:
    """The table, if it is valid or validation is switched off. Raises UnreadableValue."""
    if current_config().validate:
        try:
            table.validate(full=True)
        except pa.ArrowException as error:
            raise UnreadableValue("UNREADABLE_VALUE", f"the table is invalid: {error}") from error
    return table


def read_file(file: pa.Buffer) -> pa.Table:
    """The table in an IPC file, as views. Validates only a compressed file: the server has
    validated any other one.
    """
    table = pa.ipc.open_file(file).read_all()
    return checked(table) if current_config().validate and _is_compressed(file) else table


def _is_compressed(file: pa.Buffer) -> bool:
    """Whether a batch of an IPC file is compressed. Does not read the bodies of its messages."""
    return any(_has_compression(message) for message in pa.ipc.MessageReader.open_stream(file.slice(len(_FILE_MAGIC))))


def _has_compression(message: pa.Message) -> bool:
    """Whether the message has a compressed body (Message.fbs). pyarrow has verified the offsets.

    Slots: Message.header is 2, DictionaryBatch.data is 1, RecordBatch.compression is 3.
    """
    if message.type not in ("record batch", "dictionary"):
        return False
    bytes_ = memoryview(message.metadata)

    def number(code: str, position: int) -> int:
        return cast(int, struct.unpack_from(code, bytes_, position)[0])

    def slot(table: int, index: int) -> int:
        """The position of the table in a slot; 0 if the slot is empty."""
        vtable = table - number("<i", table)
        place = number("<H", vtable + 4 + 2 * index) if 4 + 2 * index < number("<H", vtable) else 0
        return table + place + number("<I", table + place) if place else 0

    batch = slot(number("<I", 0), 2)
    if message.type == "dictionary":
        batch = slot(batch, 1)
    return slot(batch, 3) != 0
