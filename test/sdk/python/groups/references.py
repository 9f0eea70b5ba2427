"""ObjectRef and ObjectKey: the bytes and the names of docs/protocol.md, "ObjectRef" and "Keys"."""

import struct

from sdk import fails
from support.cases import each
from support.object_ref import ObjectRef as PlainRef
from support.object_ref import encode

import flame_object_cache
from flame_object_cache import ObjectKey, ObjectRef

STORAGES = ("own",)
GOLDEN = bytes.fromhex(
    "4900000002656e64706f696e740016000000677270633a2f2f3132372e302e302e313a3930393000026b65790006000000612f732f6f00"
    "1276657273696f6e00010000000000000000"
)
REF = ObjectRef("grpc://127.0.0.1:9090", "a/s/o", 1)


def _document(*fields: bytes) -> bytes:
    body = b"".join(fields) + b"\0"
    return struct.pack("<i", len(body) + 4) + body


ENDPOINT = b"\x02endpoint\0" + struct.pack("<i", 2) + b"e\0"
KEY = b"\x02key\0" + struct.pack("<i", 6) + b"a/s/o\0"


def case_are_the_bytes_that_every_client_reads(_cache):
    assert REF.encode() == GOLDEN
    for ref in (REF, ObjectRef("grpc+tls://[::1]:1", "ü/€/😀", 2**53)):
        assert ref.encode() == encode(PlainRef(ref.endpoint, ref.key, ref.version))
        assert ObjectRef.decode(ref.encode()) == ref


def case_are_read_with_a_version_of_32_bits_or_none(_cache):
    assert ObjectRef.decode(_document(ENDPOINT, KEY)) == ObjectRef("e", "a/s/o", 0)
    version = b"\x10version\0" + struct.pack("<i", 7)
    assert ObjectRef.decode(_document(ENDPOINT, KEY, version)) == ObjectRef("e", "a/s/o", 7)


def case_cut_anywhere_are_refused(_cache):
    for end in range(len(GOLDEN)):
        with fails(flame_object_cache.FlameError, "INVALID_REQUEST"):
            ObjectRef.decode(GOLDEN[:end])


def case_with_any_byte_changed_are_a_reference_or_refused(_cache):
    for position in range(len(GOLDEN)):
        for bit in range(8):
            changed = bytearray(GOLDEN)
            changed[position] ^= 1 << bit
            try:
                assert isinstance(ObjectRef.decode(bytes(changed)), ObjectRef)
            except flame_object_cache.FlameError as error:
                assert error.code == "INVALID_REQUEST"


def case_keys_are_parsed_and_written(_cache):
    key = ObjectKey.parse("app/session/a:1")
    assert (key.application_id, key.session_id, key.object_id, str(key)) == ("app", "session", "a:1", "app/session/a:1")
    assert str(ObjectKey("ü" * 100, "s", "o")).startswith("ü")


BAD = ["", "a/s", "a/s/o/x", "a//o", "a/./o", "a/../o", "a/.s/o", "a/*/o", "a/s\\/o", "a/s/o\n", "a/s/" + "ü" * 101, "a/s/\ud800"]


@each({repr(text): text for text in BAD})
def case_keys_that_break_a_rule_are_refused(_cache, text):
    with fails(flame_object_cache.InvalidKey, "INVALID_KEY"):
        ObjectKey.parse(text)
