"""ObjectRef (docs/protocol.md, "ObjectRef"): exactly three fields, in order, to the byte; an
endpoint that clients can dial."""

import re
import uuid

import pyarrow.flight as flight

from support.calls import info, options, path, put, ref_of
from support.object_ref import ObjectRef, decode, encode
from support.opaque import SENT, put_value, rows, value_of

STORAGES = ("files", "none")

GOLDEN = (
    "49000000" "02656e64706f696e7400" "16000000" "677270633a2f2f3132372e302e302e313a3930393000"
    "026b657900" "06000000" "612f732f6f00" "1276657273696f6e00" "0100000000000000" "00"
)  # fmt: skip


def case_this_test_writes_the_bytes_of_the_specification(_cache):
    ref = ObjectRef("grpc://127.0.0.1:9090", "a/s/o", 1)
    assert encode(ref).hex() == GOLDEN
    assert decode(bytes.fromhex(GOLDEN)) == ref
    assert len(encode(ref)) == 73


def case_answers_a_put_with_the_exact_bytes(cache):
    key = cache.key()
    writer, reader = cache.client.do_put(path(key), SENT, options())
    with writer:
        writer.write_batch(rows(b"value"))
        writer.done_writing()
        answer = reader.read().to_pybytes()
        assert reader.read() is None
    assert answer == encode(ObjectRef(cache.endpoint, key, 1)), answer.hex()


def case_answers_get_flight_info_with_the_exact_bytes(cache):
    key = cache.key()
    put_value(cache.client, key, b"one")
    put_value(cache.client, key, b"two")
    seen = bytes(info(cache.client, key).app_metadata)
    assert seen == encode(ObjectRef(cache.endpoint, key, 2)), seen.hex()


def case_names_an_endpoint_that_clients_dial(cache):
    ref = put_value(cache.client, cache.prefix(), b"value")
    assert re.fullmatch(r"grpc://127\.0\.0\.1:[1-9][0-9]*", ref.endpoint), ref
    with flight.connect(ref.endpoint) as client:
        assert value_of(client, ref.key) == b"value"


def case_names_the_same_endpoint_in_every_call(cache):
    key = cache.key()
    endpoints = {put_value(cache.client, key, b"v").endpoint for _ in range(5)}
    endpoints |= {ref_of(info(cache.client, key)).endpoint for _ in range(5)}
    assert endpoints == {cache.endpoint}


def case_keeps_letters_of_any_script_in_the_key(cache):
    key = f"{cache.prefix()}/日本-é-🔥"
    assert put_value(cache.client, key, b"v") == ObjectRef(cache.endpoint, key, 1)


def case_makes_a_random_uuid_for_a_prefix(cache):
    prefix = cache.prefix()
    refs = [put(cache.client, path(*prefix.split("/")), [rows(b"v")]) for _ in range(20)]
    ids = [ref.key.removeprefix(prefix + "/") for ref in refs]
    assert all(str(uuid.UUID(text)) == text and uuid.UUID(text).version == 4 for text in ids), ids
    assert len(set(ids)) == 20
    assert {ref.version for ref in refs} == {1}
