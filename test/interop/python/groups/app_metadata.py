"""app_metadata of batches (docs/protocol.md, "DoPut"): echoed at once, in order, kept with its
batch, and no ObjectRef follows."""

import os

import pyarrow as pa
import pyarrow.flight as flight

from support.calls import get, info, options, patch_of, path, put, ref_of
from support.expect import refused, same_batches
from support.opaque import SENT, rows, two_field_rows
from support.tables import FLAME, numbers

STORAGES = ("files", "none")


def put_with_metadata(
    client: flight.FlightClient, descriptor, batches: list, metadata: list[bytes], write_options=None
) -> None:
    """DoPut as a standard client does it: after each batch it waits for the echo, and expects nothing more."""
    writer, reader = client.do_put(descriptor, batches[0].schema, options(write_options=write_options))
    with writer:
        for batch, note in zip(batches, metadata):
            writer.write_with_metadata(batch, note)
            echo = reader.read()
            assert echo is not None and echo.to_pybytes() == note, (echo, note)
        writer.done_writing()
        assert reader.read() is None


def case_is_echoed_at_once_and_returned_with_its_batch(cache):
    key, batches = cache.key(), [numbers(n) for n in (3, 0, 5)]
    notes = [b"first", os.urandom(3000), b"third"]
    put_with_metadata(cache.client, path(key), batches, notes)
    for ticket in (key, f"{key}:0"):
        reply = get(cache.client, ticket)
        assert reply.app_metadata == notes
        assert [batch.num_rows for batch in reply.batches] == [3, 0, 5]


def case_is_stored_with_the_object_and_its_version(cache):
    key = cache.key()
    for version in (1, 2):
        put_with_metadata(cache.client, path(key), [numbers(version)], [b"note %d" % version])
        assert ref_of(info(cache.client, key)).version == version
        assert get(cache.client, key).app_metadata == [b"note %d" % version]


def case_is_kept_for_hundreds_of_batches_in_order(cache):
    key, notes = cache.key(), [b"note %d" % n for n in range(400)]
    put_with_metadata(cache.client, path(key), [numbers(n % 4) for n in range(400)], notes)
    assert get(cache.client, key).app_metadata == notes


def case_is_kept_when_it_is_large(cache):
    key, notes = cache.key(), [os.urandom(1_000_000), b"\0", b"\xff" * 100_000]
    put_with_metadata(cache.client, path(key), [numbers(1)] * 3, notes)
    assert get(cache.client, key).app_metadata == notes


def case_is_dropped_when_a_put_without_it_replaces_the_object(cache):
    key = cache.key()
    put_with_metadata(cache.client, path(key), [numbers(1), numbers(2)], [b"a", b"b"])
    put(cache.client, key, [numbers(1), numbers(2)])
    assert get(cache.client, key).app_metadata == [None, None]


def case_stays_with_its_batch_beside_batches_without(cache):
    key = cache.key()
    writer, reader = cache.client.do_put(path(key), numbers(0).schema, options())
    with writer:
        writer.write_with_metadata(numbers(1), b"one")
        assert reader.read().to_pybytes() == b"one"
        writer.write_batch(numbers(2))
        writer.write_with_metadata(numbers(3), b"three")
        writer.done_writing()
        answers = []
        while (answer := reader.read()) is not None:
            answers.append(answer.to_pybytes())
    # What a batch without metadata is answered by, if anything, is left open; an ObjectRef it is not.
    assert answers in ([b"three"], [b"", b"three"])
    reply = get(cache.client, key)
    assert [note or b"" for note in reply.app_metadata] == [b"one", b"", b"three"]
    same_batches(reply.batches, [numbers(1), numbers(2), numbers(3)])


def case_of_a_patch_is_echoed_and_returned_with_its_batch(cache):
    key = cache.key()
    put_with_metadata(cache.client, path(key), [numbers(1, FLAME)], [b"base"])
    put_with_metadata(cache.client, patch_of(key), [numbers(2, FLAME), numbers(3, FLAME)], [b"p1", b"p2"])
    reply = get(cache.client, key)
    assert [batch.num_rows for batch in reply.batches] == [1, 2, 3]
    assert reply.app_metadata == [b"base", b"p1", b"p2"]
    assert ref_of(info(cache.client, key)).version == 2


def case_of_compressed_and_dictionary_batches_is_kept(cache):
    key, column = cache.key(), pa.array(["a", "b", None])
    batches = [
        pa.RecordBatch.from_arrays([part.dictionary_encode()], ["w"]) for part in (column, pa.array(["c"]), column)
    ]
    put_with_metadata(cache.client, path(key), batches, [b"1", b"2", b"3"], pa.ipc.IpcWriteOptions(compression="zstd"))
    reply = get(cache.client, key)
    same_batches(reply.batches, batches)
    assert reply.app_metadata == [b"1", b"2", b"3"]


def case_of_opaque_batches_is_echoed(cache):
    key = cache.key()
    put_with_metadata(cache.client, path(key), [rows(b"a"), rows(b"b", b"c")], [b"one", b"two"])
    assert two_field_rows(get(cache.client, key)) == [(1, b"abc")]


def case_makes_an_object_under_a_prefix_without_telling_its_name(cache):
    prefix = cache.prefix()
    put_with_metadata(cache.client, path(prefix), [numbers(2)], [b"note"])
    (found,) = cache.client.list_flights(prefix.encode(), options())
    assert found.endpoints[0].ticket.ticket.decode().startswith(f"{prefix}/")
    assert get(cache.client, found.endpoints[0].ticket.ticket).app_metadata == [b"note"]


def case_of_a_refused_put_is_answered_by_the_error(cache):
    with refused("INVALID_KEY"):
        put_with_metadata(cache.client, path("app/../o"), [numbers(1)], [b"note"])


def case_absent_means_exactly_one_object_ref(cache):
    writer, reader = cache.client.do_put(path(cache.key()), SENT, options())
    with writer:
        writer.write_batch(rows(b"v"))
        writer.done_writing()
        assert len(reader.read().to_pybytes()) > 60
        assert reader.read() is None
