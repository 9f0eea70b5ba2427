"""Kept objects are current in each get: after patches, updates, deletes, and a restart of the
server.
"""

import threading
from dataclasses import replace

import numpy as np
import pyarrow as pa
from sdk import fails, settings
from servers import recording
from support.cases import each
from support.server import Server

import flame_object_cache
from flame_object_cache import ObjectRef, delete_objects, get_object, patch_object, put_object, update_object
from flame_object_cache import reading
from flame_object_cache.json_text import decode_json, encode_json
from flame_object_cache.kept import Cell, KeptObjects, Stored

STORAGES = ("files", "none")


class _Answers:
    """The number of bytes in each answer of a get."""

    def __enter__(self) -> list:
        self.sizes: list = []
        self._batches = reading._batches
        reading._batches = self._counted
        return self.sizes

    def _counted(self, reader):
        self.sizes.append(0)
        for batch in self._batches(reader):
            self.sizes[-1] += batch.nbytes
            yield batch

    def __exit__(self, *_reason) -> None:
        reading._batches = self._batches


def _all(ref, **options):
    return get_object(ref, deserializer=lambda base, patches: [base, *patches], **options)


def case_objects_send_only_what_is_new(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), "x" * 100_000)
        for number in range(5):
            patch_object(ref, number)
        assert _all(ref) == ["x" * 100_000, 0, 1, 2, 3, 4]
        with _Answers() as sizes:
            assert _all(ref) == ["x" * 100_000, 0, 1, 2, 3, 4]
            patch_object(ref, 5)
            assert _all(ref) == ["x" * 100_000, 0, 1, 2, 3, 4, 5]
            assert _all(ObjectRef(ref.endpoint, ref.key, 0)) == ["x" * 100_000, 0, 1, 2, 3, 4, 5]
        unchanged, patched, forced = sizes
        assert unchanged == 0 and 0 < patched < 200 and forced > 100_000, sizes


def case_objects_that_were_replaced_come_anew(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), [1])
        patch_object(ref, 2)
        for zero_copy in (True, False):
            assert _all(ref, zero_copy=zero_copy) == [[1], 2]
        update_object(ref, np.arange(100_000))
        for zero_copy in (True, False):
            assert np.array_equal(get_object(ref, zero_copy=zero_copy), np.arange(100_000))
        update_object(ref, [3])
        assert get_object(ref) == [3]


def case_at_least_the_version_of_a_reference_is_the_current_object_of_one_server(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(f"{cache.prefix()}/named", "first")
        assert get_object(ref, at_least=True) == "first"
        assert get_object(update_object(ref, "second"), at_least=True) == "second"
        for version in (0, 1, 2, 99):
            assert get_object(ObjectRef(ref.endpoint, ref.key, version), at_least=True) == "second"


def case_at_least_the_version_of_a_reference_is_asked_for_by_choice_only(_cache):
    with recording() as server, settings(endpoint=server.endpoint):
        for version, at_least in ((7, True), (7, False), (0, True)):
            with fails(flame_object_cache.FlameError, "INTERNAL"):
                get_object(ObjectRef(server.endpoint, "a/s/o", version), at_least=at_least)
        asked = [headers.get("flame-at-least-version") for headers in server.headers]
        assert asked == [["7"], None, None], asked


def case_objects_that_were_deleted_are_gone(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(f"{cache.prefix()}/named", [1])
        assert get_object(ref) == [1]
        delete_objects(ref)
        with fails(flame_object_cache.ObjectNotFound, "OBJECT_NOT_FOUND"):
            get_object(ref)
        assert get_object(put_object(ref.key, [2])) == [2]
        assert get_object(ref) == [2]


VALUES = {
    "a list": [1, [2.5, "x"], {"a": [None, True]}],
    "a flat list": [1.5] * 3000,
    "a flat dict": {"a": 1, "b": "x"},
    "a pickled list": [(1, 2), {3}],
    "a list in a list twice": [[1]] * 2,
    "an object": {"a": {"b": [complex(1, 2)]}},
}


def _spoil(value) -> None:
    for item in list(value.values()) if isinstance(value, dict) else list(value):
        if isinstance(item, (list, dict)):
            _spoil(item)
    value.clear()


@each(VALUES)
def case_objects_that_a_caller_changed_are_whole_for_the_next(cache, value):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), value)
        patch_object(ref, value)
        for _ in range(4):
            base, patch = _all(ref)
            assert base == value and patch == value
            _spoil(base)
            _spoil(patch)


def case_patches_that_a_caller_changed_are_whole_after_more_came(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), [0])
        for count in range(1, 6):
            patch_object(ref, [count])
            for _ in range(3):
                seen = _all(ref)
                assert seen == [[number] for number in range(count + 1)]
                for value in seen:
                    _spoil(value)


def case_arrays_that_a_caller_shaped_are_whole_for_the_next(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), np.arange(6))
        for _ in range(3):
            seen = get_object(ref)
            assert seen.shape == (6,) and not seen.flags.writeable
            seen.shape = (2, 3)


def case_tables_are_not_sent_twice(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), pa.table({"n": [1, 2]}))
        first = get_object(ref, zero_copy=False)
        assert get_object(ref, zero_copy=False) is not None and get_object(ref, zero_copy=False).equals(first)
        patch_object(ref, pa.table({"n": [3]}))
        assert get_object(ref, zero_copy=False).to_pydict() == {"n": [1, 2, 3]}


def case_objects_are_the_same_for_many_threads(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), list(range(100)))
        seen: list = []

        def poll() -> None:
            for _ in range(30):
                base, *patches = _all(ref)
                seen.append(base == list(range(100)) and patches == list(range(len(patches))))

        threads = [threading.Thread(target=poll) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(20):
            patch_object(ref, number)
        for thread in threads:
            thread.join()
        assert seen == [True] * 120
        assert _all(ref)[1:] == list(range(20))


def case_objects_of_another_run_of_the_server_are_not_taken_for_those_of_this(_cache):
    """A server without storage counts versions anew in each run."""
    with Server(None) as server, settings(endpoint=server.cache.endpoint):
        ref = put_object("app/session/named", ["of the first run"])
        assert get_object(ref) == ["of the first run"]
    with Server(None, server.cache.endpoint), settings(endpoint=server.cache.endpoint):
        assert put_object("app/session/named", ["of the second run"]).version == ref.version
        assert get_object(ref) == ["of the second run"]


def case_objects_are_bounded_in_bytes(_cache):
    kept = KeptObjects()
    stored = Stored(Cell(pa.py_buffer(b"FLM\x06" + bytes(1000))), [], 1, b"run")
    cost = kept.keep("first", stored, 1 << 20).known_cost
    assert cost > 1000
    for number in range(10):
        kept.keep(number, stored, 3 * cost)
    assert [place for place in ("first", *range(10)) if kept.find(place)] == [7, 8, 9]
    assert not kept.keep("too large", stored, cost - 1).is_kept and kept.find("too large") is None
    assert not kept.keep("of no run", replace(stored, instance=b""), 1 << 20).is_kept


NUMBERS = [1e16, 1e-5, 1.5e-5, 5e-324, 1.7976931348623157e308, 10.00001, 0.0001, -0.0, 1e22, 12345678901234567.0]
TEXTS = {
    "numbers": NUMBERS,
    "numbers and texts": {"1e5": NUMBERS, "0.00001": "e7"},
    "numbers and texts with quotes": {"\"1e5": NUMBERS, "\\": "0.00001"},
    "few exponents in many numbers": [0.5] * 2000 + NUMBERS,
    "many exponents": NUMBERS * 300,
    "numbers beside true, false and null": [True, 1e22, False, 1e-5, None, 0.1 + 0.2] * 50,
    "many containers": [{"a": [number]} for number in NUMBERS * 20],
}


@each(TEXTS)
def case_values_are_written_as_json_of_the_standard_library(_cache, value):
    import json

    text = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    assert encode_json(value) == text
    assert decode_json(memoryview(text)) == value
