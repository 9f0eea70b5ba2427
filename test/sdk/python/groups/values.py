"""Values come back unchanged, with the right type tag, on each path through the client."""

import os
import pickle
import struct

import cloudpickle
import numpy as np
import pyarrow as pa
from sdk import VALUES, ByteArrays, fails, same, settings
from support.cases import each
from support.opaque import put_value

import flame_object_cache
from flame_object_cache import decode_value, encode_value, get_object, put_object

STORAGES = ("files", "none")
WORTH_COMPARING = {name: entry for name, entry in VALUES.items() if name != "repeated beyond all bounds"}


@each(WORTH_COMPARING)
def case_come_back_as_they_were(cache, entry):
    value, _ = entry
    with settings(endpoint=cache.endpoint):
        for legacy in (False, True):
            ref = put_object(cache.prefix(), value, legacy=legacy)
            for zero_copy in (True, False):
                assert same(get_object(ref, zero_copy=zero_copy), value), (legacy, zero_copy)


@each(VALUES)
def case_are_stored_under_their_tag(_cache, entry):
    value, tag = entry
    encoded = encode_value(value)
    if tag is None:
        assert encoded.schema.metadata[b"flame.cache.format"] == b"arrow-table-v1"
    else:
        assert encoded[:4] == b"FLM" + bytes([tag])


@each(WORTH_COMPARING)
def case_for_older_clients_have_only_tags_that_these_know(_cache, entry):
    value, _ = entry
    encoded = encode_value(value, legacy=True)
    assert isinstance(encoded, pa.Table) or encoded[3] <= 4
    assert same(decode_value(encoded), value)


def case_that_are_arrays_read_as_clients_of_generation_2_do(_cache):
    array = np.arange(12.0).reshape(3, 4)
    tensor = pa.ipc.read_tensor(pa.BufferReader(pa.py_buffer(encode_value(array)[4:])))
    assert same(tensor.to_numpy(), array)
    column = pa.ipc.open_stream(encode_value(pa.array([1, 2]))[4:]).read_all().column("data")
    assert column.to_pylist() == [1, 2]


def case_that_are_arrays_lie_aligned_behind_their_tag(_cache):
    array = np.arange(100, dtype=np.int64)
    assert encode_value(array).index(array.tobytes()) % 64 == 0
    assert encode_value(pa.array(array)).index(array.tobytes()) % 8 == 0


def case_written_by_others_are_read(_cache):
    table = pa.table({"data": [1, 2]})
    streamed = pa.BufferOutputStream()
    with pa.ipc.new_stream(streamed, table.schema) as writer:
        writer.write_table(table)
    stream = streamed.getvalue().to_pybytes()
    tensor = pa.BufferOutputStream()
    pa.ipc.write_tensor(pa.Tensor.from_numpy(np.arange(3)), tensor)
    assert decode_value(cloudpickle.dumps({1: 2})) == {1: 2}
    assert decode_value(b"FLM\0" + cloudpickle.dumps({1: 2})) == {1: 2}
    assert same(decode_value(b"FLM\1" + tensor.getvalue().to_pybytes()), np.arange(3))
    assert same(decode_value(b"FLM\2" + stream), table)
    assert same(decode_value(b"FLM\3" + stream), table.column("data").chunk(0))
    assert same(decode_value(b"FLM\4" + stream), table.to_batches()[0])
    assert decode_value(b'FLM\5{"a": [1, 2.0, 1e400, 123456789012345680000]}') == {"a": [1, 2.0, float("inf"), 1.2345678901234568e20]}
    assert decode_value(b"FLM\6FLM\0") == b"FLM\0"


def _tensor(shape: tuple[int, int], strides: tuple[int, int]) -> bytes:
    """A tensor of six float64 values with this false shape and these strides."""
    payload = bytearray(encode_value(np.arange(6.0).reshape(2, 3)))
    # Finds the vectors of strides and of dimensions by their known numbers.
    places = [payload.index(struct.pack("<iqq", 2, 24, 8)) + 4 + 8 * dimension for dimension in (0, 1)]
    for place, stride in zip(places, strides):
        struct.pack_into("<q", payload, place, stride)
    for size, claimed in zip((2, 3), shape):
        struct.pack_into("<q", payload, payload.index(struct.pack("<q", size), places[1] + 8), claimed)
    return bytes(payload)


DAMAGED = {
    "an unknown tag": b"FLM\x09abc",
    "half a head of buffers": b"FLM\x07abc",
    "more buffers than bytes": b"FLM\x07" + struct.pack("<IQ", 2**32 - 1, 0),
    "a buffer longer than its bytes": b"FLM\x07" + struct.pack("<IQQ", 1, 0, 2**63),
    "a pickle longer than its bytes": b"FLM\x07" + struct.pack("<IQ", 0, 2**63),
    "a pickle that wants more buffers": encode_value(ByteArrays(2))[:4] + struct.pack("<I", 1) + encode_value(ByteArrays(2))[8:],
    "bare bytes": b"just a file",
    "no byte": b"",
    "half a tag": b"FL",
    "half a tensor": encode_value(np.arange(3))[:40],
    "half a stream": encode_value(pa.array([1]))[:60],
    "a tensor's message that is none": b"FLM\x01" + bytes.fromhex("ffffffff10000000") + b"\xff" * 32,
    "a tensor larger than its bytes": _tensor(shape=(2, 3), strides=(24, 8))[:-8],
    "a tensor of a row that repeats": _tensor(shape=(1 << 40, 3), strides=(0, 8)),
    "a tensor of a number that repeats": _tensor(shape=(1000, 1), strides=(0, 8)),
    "a tensor beyond all memory": _tensor(shape=(1 << 62, 1 << 62), strides=(0, 0)),
    "no JSON": b"FLM\x05{",
    "JSON too deep for its reader": b"FLM\x05" + b"[" * 1_000_000,
    "no UTF-8": b'FLM\x05"\xff"',
    "half a pickle": b"FLM\x00\x80\x05\x95",
}


@each(DAMAGED)
def case_that_are_damaged_are_refused(_cache, payload):
    with fails(flame_object_cache.UnreadableValue, "UNREADABLE_VALUE"):
        decode_value(payload)


def case_that_are_frames_of_nothing_are_refused(_cache):
    for pandas in (b"{", b"[]", b'{"index_columns": [7], "columns": [], "column_indexes": []}'):
        metadata = {b"flame.cache.logical_type": b"pandas.dataframe", b"pandas": pandas}
        with fails(flame_object_cache.UnreadableValue, "UNREADABLE_VALUE"):
            decode_value(pa.table({"n": [1]}).replace_schema_metadata(metadata))


def _trap(name: str) -> bytes:
    return pickle.dumps(_Mark(name))


class _Mark:
    def __init__(self, name: str):
        self.name = name

    def __reduce__(self):
        return exec, (f"import os; os.environ[{self.name!r}] = 'run'",)


def case_that_are_pickles_are_not_touched_where_that_is_refused(cache):
    for tag in (b"FLM\0", b""):
        ref = flame_object_cache.ObjectRef(cache.endpoint, put_value(cache.client, cache.key(), tag + _trap("FLAME_TRAP")).key)
        with settings(endpoint=cache.endpoint), fails(flame_object_cache.PickleRefused, "UNREADABLE_VALUE") as caught:
            get_object(ref, allow_pickle=False)
        assert "FLM\\x00" in str(caught[0]) and "allow_pickle" in str(caught[0])
        with settings(endpoint=cache.endpoint, allow_pickle="0"), fails(flame_object_cache.PickleRefused, "UNREADABLE_VALUE"):
            get_object(ref)
        assert "FLAME_TRAP" not in os.environ
        get_object(ref)
        assert os.environ.pop("FLAME_TRAP") == "run"


def case_nothing_can_take_are_refused(cache):
    with settings(endpoint=cache.endpoint), fails(flame_object_cache.InvalidValue, "INVALID_VALUE") as caught:
        put_object(cache.prefix(), (n for n in [1]))
    assert isinstance(caught[0].__cause__, TypeError)


def case_are_read_only_views_whatever_way_they_came(cache):
    with settings(endpoint=cache.endpoint):
        for value in (np.arange(5), np.arange(100_000), np.zeros((0, 2))):
            ref = put_object(cache.prefix(), value)
            for zero_copy in (True, False):
                seen = get_object(ref, zero_copy=zero_copy)
                assert (seen.flags.writeable, seen.flags.aligned) == (False, True)


def case_put_as_bytes_come_as_a_view_on_request(cache):
    with settings(endpoint=cache.endpoint):
        seen = get_object(put_object(cache.prefix(), b"bytes"), view=True)
        assert isinstance(seen, memoryview) and seen == b"bytes" and seen.readonly
