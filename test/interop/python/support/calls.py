"""Flight calls as existing clients make them, with their answers taken apart."""

import base64
import json
from typing import Iterable, NamedTuple, Optional, Union

import pyarrow as pa
import pyarrow.flight as flight

from support.object_ref import ObjectRef, decode

Where = Union[str, flight.FlightDescriptor]
# Long enough for two busy cores; a call that hangs fails with its own name instead of the whole group's.
TIMEOUT_SECONDS = 60.0


class Reply(NamedTuple):
    schema: pa.Schema
    batches: list[pa.RecordBatch]
    app_metadata: list[Optional[bytes]]

    def table(self) -> pa.Table:
        return pa.Table.from_batches(self.batches, self.schema)

    def column(self, name: str) -> list:
        return [cell for batch in self.batches for cell in batch.column(batch.schema.get_field_index(name)).to_pylist()]


def options(**more) -> flight.FlightCallOptions:
    return flight.FlightCallOptions(**{"timeout": TIMEOUT_SECONDS, **more})


def path(*parts: Union[str, bytes]) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_path(*parts)


def patch_of(key: str) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(f"PATCH:{key}")


def put(
    client: flight.FlightClient,
    where: Where,
    batches: Iterable[pa.RecordBatch],
    schema: Optional[pa.Schema] = None,
    write_options: Optional[pa.ipc.IpcWriteOptions] = None,
) -> ObjectRef:
    """DoPut as both generations do it: all batches, half-close, then exactly one answer."""
    batches = list(batches) if schema is None else batches
    schema = schema if schema is not None else batches[0].schema
    descriptor = path(where) if isinstance(where, str) else where
    writer, reader = client.do_put(descriptor, schema, options(write_options=write_options))
    # Leaving the block closes the call, which is where pyarrow tells the server's own reason for a broken upload.
    with writer:
        for batch in batches:
            writer.write_batch(batch)
        writer.done_writing()
        answers = []
        while (answer := reader.read()) is not None:
            answers.append(answer.to_pybytes())
    assert len(answers) == 1, f"want one PutResult, seen {answers}"
    return decode(answers[0])


def patch(client: flight.FlightClient, key: str, batches: Iterable[pa.RecordBatch], **more) -> ObjectRef:
    return put(client, patch_of(key), batches, **more)


def get(client: flight.FlightClient, ticket: Union[str, bytes]) -> Reply:
    ticket = ticket.encode() if isinstance(ticket, str) else ticket
    reader = client.do_get(flight.Ticket(ticket), options())
    schema, batches, app_metadata = reader.schema, [], []
    for chunk in reader:
        batches.append(chunk.data)
        app_metadata.append(None if chunk.app_metadata is None else chunk.app_metadata.to_pybytes())
    return Reply(schema, batches, app_metadata)


def act(client: flight.FlightClient, kind: str, body: Union[str, bytes]) -> list[bytes]:
    """DoAction; the bodies of its results."""
    body = body.encode() if isinstance(body, str) else body
    return [result.body.to_pybytes() for result in client.do_action(flight.Action(kind, body), options())]


def act_json(client: flight.FlightClient, kind: str, name: str, value: bytes) -> dict:
    """DoAction PUT or UPDATE with a value; its one JSON result."""
    results = act(client, kind, f"{name}:{base64.b64encode(value).decode()}")
    assert len(results) == 1, results
    return json.loads(results[0])


def delete(client: flight.FlightClient, name: str) -> None:
    assert act(client, "DELETE", name) == [b"OK"]


def flights(client: flight.FlightClient, criteria: str) -> list[flight.FlightInfo]:
    return list(client.list_flights(criteria.encode(), options()))


def info(client: flight.FlightClient, where: Where) -> flight.FlightInfo:
    return client.get_flight_info(path(where) if isinstance(where, str) else where, options())


def ref_of(flight_info: flight.FlightInfo) -> ObjectRef:
    return decode(bytes(flight_info.app_metadata))
