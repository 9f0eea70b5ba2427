"""Streams of batches: an object with Arrow's C stream is put, and a table is read, one batch at a
time.
"""

import itertools

import numpy as np
import pyarrow as pa
from sdk import fails, settings

import flame_object_cache
from flame_object_cache import get_object, list_objects, open_reader, patch_object, put_object, update_object

STORAGES = ("files", "none")
SCHEMA = pa.schema([pa.field("n", pa.int64())], metadata={"own": "kept"})


class _Stream:
    """An object with only the stream method, as those of DuckDB and arro3."""

    def __init__(self, batches):
        self.reader = pa.RecordBatchReader.from_batches(SCHEMA, batches)

    def __arrow_c_stream__(self, requested_schema=None):
        return self.reader.__arrow_c_stream__(requested_schema)


def _batches(count: int):
    for number in range(count):
        yield pa.record_batch([np.arange(10) + number], schema=SCHEMA)


def case_put_come_back_as_tables(cache):
    table = pa.Table.from_batches(_batches(5), SCHEMA)
    with settings(endpoint=cache.endpoint):
        for value in (_Stream(_batches(5)), pa.RecordBatchReader.from_batches(SCHEMA, _batches(5))):
            ref = put_object(cache.prefix(), value)
            assert get_object(ref).equals(table, check_metadata=True)
        assert get_object(update_object(ref, _Stream(_batches(5)))).num_rows == 50
        patch_object(ref, _Stream(_batches(2)))
        assert get_object(ref).num_rows == 70


def case_put_are_not_held_whole(cache):
    held, most = 0, 0

    def batches():
        nonlocal held, most
        for _ in range(64):
            batch = pa.record_batch([np.zeros(1 << 17, np.int64)], schema=SCHEMA)
            held = pa.total_allocated_bytes()
            most = max(most, held)
            yield batch

    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), _Stream(batches()))
        assert most < 32 << 20, most
        assert sum(batch.num_rows for batch in open_reader(ref)) == 64 << 17


def case_put_that_fail_store_nothing(cache):
    def broken():
        yield from _batches(3)
        raise RuntimeError("the source failed")

    with settings(endpoint=cache.endpoint):
        prefix = cache.prefix()
        try:
            put_object(prefix, _Stream(broken()))
        except Exception as error:  # noqa: BLE001  (the stream hands on what its source raised)
            assert "the source failed" in str(error)
        else:
            raise AssertionError("nothing was raised")
        assert list_objects(prefix) == []


def case_read_one_batch_after_the_other(cache):
    table = pa.Table.from_batches(_batches(5), SCHEMA)
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), table)
        for zero_copy in ("1", "0"):
            with settings(endpoint=cache.endpoint, zero_copy=zero_copy):
                reader = open_reader(ref)
                assert reader.schema.equals(SCHEMA, check_metadata=True)
                assert [batch.num_rows for batch in reader] == [10] * 5
                assert open_reader(ref).read_all().equals(table)


def case_read_can_be_left_before_their_end(cache):
    with settings(endpoint=cache.endpoint, zero_copy="0"):
        ref = put_object(cache.prefix(), pa.table({"n": np.zeros(4 << 20)}).to_reader(max_chunksize=1 << 16))
        for _ in range(5):
            assert len(list(itertools.islice(open_reader(ref), 2))) == 2
        assert get_object(ref).num_rows == 4 << 20


def case_read_of_what_is_no_table_say_so(cache):
    with settings(endpoint=cache.endpoint):
        for value in ([1], bytes(1 << 20), np.zeros(1 << 20)):
            with fails(flame_object_cache.FlameError, "INVALID_REQUEST"):
                open_reader(put_object(cache.prefix(), value))
        with fails(flame_object_cache.ObjectNotFound, "OBJECT_NOT_FOUND"):
            open_reader(flame_object_cache.ObjectRef(cache.endpoint, cache.key()))


def case_of_arrays_are_no_tables(cache):
    """A value with a stream of plain arrays comes back as the same value."""
    with settings(endpoint=cache.endpoint):
        seen = get_object(put_object(cache.prefix(), _Arrays([1, 2])))
        assert isinstance(seen, _Arrays) and seen.numbers == [1, 2]


class _Arrays:
    def __init__(self, numbers):
        self.numbers = numbers

    def __arrow_c_stream__(self, requested_schema=None):
        return pa.chunked_array([self.numbers]).__arrow_c_stream__(requested_schema)


def case_of_rows_that_come_in_pieces_are_one_value(cache):
    """Over the network, values and patches arrive in rows of 16 MiB."""
    large = np.random.default_rng(1).random(5 << 20)
    with settings(endpoint=cache.endpoint, zero_copy="0"):
        ref = put_object(cache.prefix(), large)
        patch_object(ref, large[::-1].copy())
        base, patch = get_object(ref, deserializer=lambda base, patches: [base, *patches])
        assert np.array_equal(base, large) and np.array_equal(patch, large[::-1])
        assert base.flags.aligned and not base.flags.writeable


def case_of_a_dict_of_arrays_are_views(cache):
    arrays = {f"a{number}": np.full(1 << 20, number, float) for number in range(4)}
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), arrays)
        seen = get_object(ref)
        assert all(np.array_equal(seen[name], array) for name, array in arrays.items())
        assert not any(array.flags.writeable or array.flags.owndata for array in seen.values())
        assert all(array.ctypes.data % 16 == 0 for array in get_object(ref, zero_copy=False).values())
