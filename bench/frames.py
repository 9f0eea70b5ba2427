"""Prints, for the load generator, the bytes of Flight requests as JSON: `frames.py KEYS SIZE_BYTES`.

    {"body": HEX, "keys": [{"name", "head": HEX, "get": HEX}]}

A put request is a key's `head` (the schema with the descriptor) and the `body`, the same record batch for all keys. All of
them are gRPC messages. Source: Flight.proto, the gRPC wire format, Arrow's encapsulated messages.
"""

import json
import sys

import pyarrow.flight as flight

from stores import make_batch

KEY_PREFIX = "bench/session"


def varint(value):
    encoded = bytearray()
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes(encoded) + bytes([value])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def grpc_message(content):
    return b"\0" + len(content).to_bytes(4, "big") + content


def flight_data(ipc_message, descriptor=b""):
    """An encapsulated IPC message as FlightData in a gRPC message; a descriptor goes first where there is one."""
    header_size = int.from_bytes(ipc_message[4:8], "little")
    header, body = ipc_message[8 : 8 + header_size], ipc_message[8 + header_size :]
    front = field(1, descriptor) if descriptor else b""
    return grpc_message(front + field(2, header) + (field(1000, body) if body else b""))


def print_frames(count, size_bytes):
    batch = make_batch(size_bytes, "table")
    keys = []
    for index in range(count):
        name = f"{KEY_PREFIX}/load-{index}"
        descriptor = flight.FlightDescriptor.for_path(name).serialize()
        head = flight_data(batch.schema.serialize().to_pybytes(), descriptor)
        keys.append({"name": name, "head": head.hex(), "get": grpc_message(field(1, name.encode())).hex()})
    print(json.dumps({"body": flight_data(batch.serialize().to_pybytes()).hex(), "keys": keys}))


if __name__ == "__main__":
    print_frames(int(sys.argv[1]), int(sys.argv[2]))
