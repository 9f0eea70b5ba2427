"""Nothing is buffered whole (docs/protocol.md, "DoPut"): 1.5 GB in one message and back, in little
memory."""

import os

import pyarrow as pa
import pyarrow.flight as flight

from support.bulk import MIB, PeakMemory, cell, one_row, pattern, repeats
from support.calls import info, options, put
from support.cases import Skipped
from support.opaque import SENT, THREE_FIELDS, TWO_FIELDS

STORAGES = ("files",)
CAMPAIGN = True

GROWTH_MAX = 192 * MIB


def _needs_proc(cache) -> None:
    if not os.access(f"/proc/{cache.pid}/clear_refs", os.W_OK):
        raise Skipped("the peak memory of a process can only be measured through Linux's /proc")


def _stream(cache, ticket: str, schema: pa.Schema):
    reader = cache.client.do_get(flight.Ticket(ticket.encode()), options())
    assert reader.schema.equals(schema), reader.schema
    return (chunk.data for chunk in reader)


def case_a_value_of_1500_megabytes_in_one_message_is_put_and_got_in_little_memory(cache):
    _needs_proc(cache)
    key, value = cache.key(), pattern(1_500_000_000)
    with PeakMemory(cache.pid) as putting:
        assert put(cache.client, key, [one_row(value, SENT)]).version == 1
    with PeakMemory(cache.pid) as getting:
        (batch,) = _stream(cache, key, TWO_FIELDS)
    assert batch.num_rows == 1
    assert cell(batch).equals(value)
    grown = [memory.grown_bytes for memory in (putting, getting)]
    assert max(grown) < GROWTH_MAX, [size // MIB for size in grown]


def case_a_table_of_one_large_batch_is_put_and_got_in_little_memory(cache):
    _needs_proc(cache)
    key = cache.key()
    column = pa.Array.from_buffers(pa.int64(), 75_000_000, [None, pattern(600_000_000)])
    batch = pa.RecordBatch.from_arrays([column], ["n"])
    with PeakMemory(cache.pid) as putting:
        put(cache.client, key, [batch])
    with PeakMemory(cache.pid) as getting:
        (seen,) = _stream(cache, key, batch.schema)
    assert seen.column(0).buffers()[1].equals(column.buffers()[1])
    assert max(putting.grown_bytes, getting.grown_bytes) < GROWTH_MAX


def case_a_reader_that_does_not_read_costs_little_memory(cache):
    _needs_proc(cache)
    key = cache.key()
    batch = pa.RecordBatch.from_arrays([pa.Array.from_buffers(pa.int64(), MIB, [None, pattern(8 * MIB)])], ["n"])
    put(cache.client, key, (batch for _ in range(50)), schema=batch.schema)
    with cache.new_client() as other, PeakMemory(cache.pid) as stalled:
        reader = other.do_get(flight.Ticket(key.encode()), options())
        reader.read_chunk()
        # The server has every chance to send on while it answers these.
        for _ in range(100):
            info(cache.client, key)
        reader.cancel()
    assert stalled.grown_bytes < GROWTH_MAX, stalled.grown_bytes // MIB


def case_a_value_over_2_gib_is_taken_in_chunks_and_sent_as_several_base_rows(cache):
    key, chunk, count = cache.key(), pattern(16 * MIB), 132
    sent = one_row(chunk, SENT)
    assert put(cache.client, key, (sent for _ in range(count)), schema=SENT).version == 1
    rows = seen = 0
    for batch in _stream(cache, f"{key}:0", THREE_FIELDS):
        assert (batch.column("version").to_pylist(), batch.column("kind").to_pylist()) == ([1], ["base"])
        data = cell(batch)
        assert data.size < 2**31
        assert repeats(data, chunk, seen), (rows, seen)
        rows, seen = rows + 1, seen + data.size
    assert seen == count * chunk.size
    assert rows > 1
    with pa.memory_map(str(cache.written_file(key))) as source, pa.ipc.open_file(source) as reader:
        sizes = [len(cell(reader.get_batch(index))) for index in range(reader.num_record_batches)]
    assert sum(sizes) == count * chunk.size
