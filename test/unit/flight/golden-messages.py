"""Prints the golden messages of golden-messages.ts: run it with pyarrow 26 and compare.

FlightData cannot be had from Python without a call: the two at the end of golden-messages.ts are what a generic
gRPC server received from `client.do_put(FlightDescriptor.for_path("a/s/o"), schema)` and
`writer.write_with_metadata(batch, b"meta")` with the opaque batch {version: [0], data: [b"hello"]}.
"""

import pyarrow as pa
import pyarrow.flight as flight

SCHEMA = pa.schema([pa.field("x", pa.int64())])
PATH = flight.FlightDescriptor.for_path("a/s/o")
ENDPOINT = flight.FlightEndpoint(b"a/s/o", ["grpc://127.0.0.1:9090"])

MESSAGES = {
    "encapsulatedSchema": SCHEMA.serialize(),
    "ticket": flight.Ticket(b"a/s/o:3").serialize(),
    "pathOfOne": PATH.serialize(),
    "pathOfThree": flight.FlightDescriptor.for_path("a", "s", "o").serialize(),
    "command": flight.FlightDescriptor.for_command(b"PATCH:a/s/o").serialize(),
    "action": flight.Action("PUT", b"a/s:AAEC").serialize(),
    "result": flight.Result(b"OK").serialize(),
    "schemaResult": flight.SchemaResult(SCHEMA).serialize(),
    "flightInfo": flight.FlightInfo(SCHEMA, PATH, [ENDPOINT], 3, 24, app_metadata=b"\x01\x02").serialize(),
    "flightInfoOfUnknownSize": flight.FlightInfo(SCHEMA, PATH, [ENDPOINT], -1, -1).serialize(),
}

for name, message in MESSAGES.items():
    print(f"{name}: {bytes(message).hex()}")
