"""Opaque values as clients send and expect them (docs/protocol.md, "DoPut" and "DoGet")."""

from typing import Optional, Union

import pyarrow as pa
import pyarrow.flight as flight

from support.calls import Reply, get, patch, put
from support.object_ref import ObjectRef

SENT = pa.schema([pa.field("version", pa.uint64()), pa.field("data", pa.binary())])
TWO_FIELDS = pa.schema(
    [pa.field("version", pa.uint64(), nullable=False), pa.field("data", pa.binary(), nullable=False)]
)
THREE_FIELDS = pa.schema(
    [
        pa.field("version", pa.uint64(), nullable=False),
        pa.field("kind", pa.utf8(), nullable=False),
        pa.field("data", pa.binary(), nullable=False),
    ]
)


def rows(*cells: Optional[bytes], version: int = 0, schema: pa.Schema = SENT) -> pa.RecordBatch:
    """One batch with a row per cell; the version is what the client believes, and is ignored."""
    columns = [pa.array([version] * len(cells), pa.uint64()), pa.array(cells, schema.field("data").type)]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def put_value(client: flight.FlightClient, where, value: bytes) -> ObjectRef:
    return put(client, where, [rows(value)])


def patch_value(client: flight.FlightClient, key: str, value: bytes) -> ObjectRef:
    return patch(client, key, [rows(value)])


def two_field_rows(reply: Reply) -> list[tuple[int, bytes]]:
    """What a `KEY` reply holds, after checking its exact schema and one row per batch."""
    assert reply.schema.equals(TWO_FIELDS), reply.schema
    assert all(batch.num_rows == 1 for batch in reply.batches), reply.batches
    return list(zip(reply.column("version"), reply.column("data")))


def three_field_rows(reply: Reply) -> list[tuple[int, str, bytes]]:
    """What a `KEY:V` reply holds, after checking its exact schema and one row per batch."""
    assert reply.schema.equals(THREE_FIELDS), reply.schema
    assert all(batch.num_rows == 1 for batch in reply.batches), reply.batches
    return list(zip(reply.column("version"), reply.column("kind"), reply.column("data")))


def value_of(client: flight.FlightClient, key: Union[str, bytes]) -> bytes:
    """The data of an unpatched object by its generation-1 ticket."""
    ((_, data),) = two_field_rows(get(client, key))
    return data
