"""Tables with offsets outside their buffers are refused: by the server if it can read the offsets,
otherwise by the client.
"""

import pyarrow as pa
import pyarrow.flight as flight
from sdk import fails, settings

import flame_object_cache
from flame_object_cache import ObjectRef, get_object, put_object

STORAGES = ("files", "none")


def _unsound() -> pa.Table:
    """An array with an invalid offset in the middle. pyarrow checks only the first and the last one
    here.
    """
    offsets = pa.py_buffer(pa.array([0, 2**30, 8], pa.int32()).buffers()[1])
    return pa.table({"text": pa.Array.from_buffers(pa.string(), 2, [None, offsets, pa.py_buffer(b"12345678")])})


def _put(cache, table: pa.Table, compression=None) -> ObjectRef:
    client = flight.connect(cache.endpoint)
    options = flight.FlightCallOptions(write_options=pa.ipc.IpcWriteOptions(compression=compression))
    writer, reader = client.do_put(flight.FlightDescriptor.for_path(cache.prefix()), table.schema, options)
    with writer:
        writer.write_table(table)
        writer.done_writing()
        return ObjectRef.decode(reader.read().to_pybytes())


def case_are_refused_by_the_server(cache):
    try:
        _put(cache, _unsound())
        raise AssertionError("it was kept")
    except pa.ArrowInvalid as error:
        assert "[INVALID_IPC]" in str(error), error


def case_are_refused_when_compressed_by_whoever_gets_them(cache):
    for compression in ("lz4", "zstd"):
        ref = _put(cache, _unsound(), compression)
        with settings(endpoint=cache.endpoint):
            for zero_copy in (True, False):
                with fails(flame_object_cache.UnreadableValue, "UNREADABLE_VALUE"):
                    get_object(ref, zero_copy=zero_copy)
        with settings(endpoint=cache.endpoint, validate="0"):
            assert get_object(ref).num_rows == 2


def case_are_refused_when_they_are_kept_as_bytes(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), _unsound().column(0).chunk(0))
        with fails(flame_object_cache.UnreadableValue, "UNREADABLE_VALUE"):
            get_object(ref)


def case_sound_ones_come_back_compressed_or_not(cache):
    table = pa.table({"text": ["a", None, "gr\u00fc\u00dfe"] * 1000, "n": list(range(3000))})
    with settings(endpoint=cache.endpoint):
        for compression in (None, "lz4", "zstd"):
            ref = _put(cache, table, compression)
            for zero_copy in (True, False):
                assert get_object(ref, zero_copy=zero_copy).equals(table), compression
