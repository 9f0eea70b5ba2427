"""Every call, as in the documents and at its limits. A failure is a FlameError with its reason and
leaves nothing behind.
"""

import io
import os
import re
import tempfile
import threading
from pathlib import Path

import pyarrow as pa
from sdk import fails, settings
from support.cases import each, needs

import flame_object_cache
from flame_object_cache import (
    ObjectKey,
    ObjectRef,
    delete_objects,
    download_object,
    get_object,
    list_objects,
    patch_object,
    pin_object,
    put_object,
    stat,
    unpin_object,
    update_object,
    upload_object,
)

STORAGES = ("files", "none")
ROOT = Path(__file__).resolve().parents[4]


def shown_by(page):
    """The first Python example of a page that uses the package."""
    blocks = re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)
    return next(block for block in blocks if block.startswith("from flame_object_cache import"))


def case_work_as_pasted(cache):
    for page in ("README.md", "python/README.md"):
        names = {"my_data": {"a": 1}, "new_data": [2], "print": lambda line: None}
        with settings(endpoint=cache.endpoint):
            exec(shown_by(page), names)
            assert names["data"] == names["my_data"]
            assert names["new_ref"].key == names["ref"].key
            assert names["new_ref"].version == names["ref"].version + 1
            assert get_object(names["ref"]) == names["new_data"]


def case_take_a_prefix_or_a_key(cache):
    with settings(endpoint=cache.endpoint):
        prefix = cache.prefix()
        assert put_object(prefix, 1).key.rpartition("/")[0] == prefix
        first = put_object(f"{prefix}/mine", 1)
        assert (first.endpoint, first.key) == (cache.endpoint, f"{prefix}/mine")
        assert put_object(f"{prefix}/mine", 2).version == first.version + 1
        for bad in ((prefix.partition("/")[0], 1), (prefix, "o", 1), ("a", "../s", 1), ("a", "", 1)):
            with fails(flame_object_cache.InvalidKey, "INVALID_KEY"):
                put_object(*bad)


def case_put_for_a_time(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), 1, ttl_seconds=3600)
        assert get_object(ref) == 1
        gone = put_object(f"{cache.prefix()}/gone", 1, ttl_seconds=0.001)
        assert stat(ref).expires_at is not None and stat(put_object(cache.prefix(), 1)).expires_at is None
        with fails(flame_object_cache.ObjectNotFound, "OBJECT_NOT_FOUND"):
            while True:
                get_object(gone)


def case_pin_and_unpin(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), 1)
        pin_object(ref)
        pin_object(ref.key.rpartition("/")[0], ttl_seconds=60)
        unpin_object(ref)
        with fails(flame_object_cache.ObjectNotFound, "OBJECT_NOT_FOUND"):
            pin_object(f"{cache.prefix()}/nothing")


def case_hand_patches_to_the_deserializer(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), [1])
        assert get_object(ref, deserializer=lambda base, patches: (base, patches)) == ([1], [])
        assert [patch_object(ref, value).version for value in ([2], (3,))] == [2, 3]
        assert get_object(ref) == [1]
        assert get_object(ref, deserializer=lambda base, patches: (base, patches)) == ([1], [[2], (3,)])
        update_object(ref, [4])
        assert get_object(ref, deserializer=lambda base, patches: (base, patches)) == ([4], [])


def case_append_the_rows_of_a_patch_to_a_table(cache):
    with settings(endpoint=cache.endpoint):
        for make in (pa.table, pa.record_batch):
            ref = put_object(cache.prefix(), make({"n": [1, 2]}))
            patch_object(ref, make({"n": [3]}))
            seen = get_object(ref)
            assert type(seen) is type(make({"n": [1]})) and seen.to_pydict() == {"n": [1, 2, 3]}
            with fails(flame_object_cache.FlameError, "INVALID_REQUEST"):
                patch_object(ref, make({"other": [3]}))
            with fails(flame_object_cache.FlameError, "INVALID_REQUEST"):
                patch_object(ref, b"no table")


def case_list_and_delete(cache):
    with settings(endpoint=cache.endpoint):
        prefix = cache.prefix()
        refs = {put_object(prefix, n).key: n for n in range(3)}
        assert {ref.key: get_object(ref) for ref in list_objects(prefix)} == refs
        first, second, third = list_objects(prefix)
        delete_objects(first)
        delete_objects(ObjectKey.parse(second.key))
        assert list_objects(prefix) == [third] == list_objects(third)
        delete_objects(prefix.partition("/")[0] + "/*")
        delete_objects(prefix)
        assert list_objects(prefix) == []


def case_on_what_is_not_there_say_so(cache):
    ref = ObjectRef(cache.endpoint, cache.key())
    with settings():
        for call in (get_object, lambda ref: patch_object(ref, 1), lambda ref: download_object(ref, io.BytesIO())):
            with fails(flame_object_cache.ObjectNotFound, "OBJECT_NOT_FOUND") as caught:
                call(ref)
            assert isinstance(caught[0].__cause__, pa.ArrowKeyError)
            assert str(caught[0]) == "[OBJECT_NOT_FOUND] no object at this key"


def case_dial_the_endpoint_of_the_reference(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), 1)
    with settings(endpoint="grpc://127.0.0.1:1"):
        assert get_object(ref) == 1
        assert patch_object(update_object(ref, 2), 3).version == 3
        delete_objects(ref)


UNREACHABLE = {"a closed port": "grpc://127.0.0.1:1", "no such host": "grpc://host.invalid:9090"}


@each(UNREACHABLE)
def case_without_a_server_fail_with(_cache, endpoint):
    ref = ObjectRef(endpoint, "a/s/o")
    with settings(endpoint=endpoint):
        for call in (
            lambda: get_object(ref),
            lambda: put_object("a/s", 1),
            lambda: update_object(ref, 1),
            lambda: list_objects("a"),
            lambda: upload_object("a/s", io.BytesIO(bytes(3 << 20))),
        ):
            with fails(flame_object_cache.Unreachable, "UNREACHABLE") as caught:
                call()
            assert caught[0].retryable and caught[0].__cause__ is not None


def case_upload_and_download_files(cache):
    with settings(endpoint=cache.endpoint), tempfile.TemporaryDirectory() as directory:
        there, back = Path(directory, "there"), Path(directory, "back")
        for content in (b"", b"FLM\0", os.urandom(3_500_000)):
            there.write_bytes(content)
            back.write_bytes(b"older")
            download_object(upload_object(cache.prefix(), there), back)
            assert back.read_bytes() == content
            copy = io.BytesIO()
            download_object(upload_object(cache.key(), io.BytesIO(content)), copy)
            assert copy.getvalue() == content
        assert sorted(os.listdir(directory)) == ["back", "there"]


class _BreakingFile(io.BytesIO):
    def __init__(self, whole_rows: int):
        super().__init__()
        self.rows = whole_rows

    def read(self, size: int = -1) -> bytes:
        self.rows -= 1
        if self.rows < 0:
            raise RuntimeError("the disk is gone")
        return bytes(size)


def case_store_nothing_of_an_upload_that_breaks(cache):
    with settings(endpoint=cache.endpoint):
        for rows in (0, 1, 30):
            key = cache.key()
            try:
                upload_object(key, _BreakingFile(rows))
            except RuntimeError as error:
                assert str(error) == "the disk is gone"
            else:
                raise AssertionError("the upload went on")
            assert list_objects(key) == []
            with fails(flame_object_cache.ObjectNotFound, "OBJECT_NOT_FOUND"):
                get_object(ObjectRef(cache.endpoint, key))


def case_tell_the_servers_reason_for_a_broken_upload(cache):
    ref = ObjectRef(cache.endpoint, cache.key())
    with settings(), fails(flame_object_cache.ObjectNotFound, "OBJECT_NOT_FOUND"):
        patch_object(ref, bytes(300_000_000))


def case_download_nothing_half(cache):
    with settings(endpoint=cache.endpoint), tempfile.TemporaryDirectory() as directory:
        target = Path(directory, "target")
        target.mkdir()
        try:
            download_object(upload_object(cache.prefix(), io.BytesIO(b"content")), target)
        except OSError:
            pass
        assert os.listdir(directory) == ["target"] and os.listdir(target) == []
        with fails(flame_object_cache.FlameError, "INVALID_REQUEST"):
            download_object(put_object(cache.prefix(), pa.table({"n": [1]})), Path(directory, "table"))
        assert os.listdir(directory) == ["target"]


def case_are_made_by_many_threads_at_once(cache):
    seen = []

    def work(number: int) -> None:
        prefix = cache.prefix()
        for turn in range(20):
            ref = put_object(prefix, {"number": number, "turn": turn, "fill": "x" * 10_000})
            seen.append(get_object(ref)["number"] == number and get_object(update_object(ref, turn)) == turn)
        seen.append(len(list_objects(prefix)) == 20)

    with settings(endpoint=cache.endpoint):
        threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [True] * 8 * 21


def case_give_aligned_arrays_also_over_grpc(cache):
    needs("Alignment", pa.ipc)
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix(), pa.table({"small": pa.array([1], pa.int8()), "wide": pa.array([1], pa.int64())}))
        column = get_object(ref, zero_copy=False).column("wide").chunk(0)
        assert column.buffers()[1].address % 8 == 0
        assert column.to_pylist() == [1]


def case_refuse_a_forked_process_instead_of_hanging(cache):
    with settings(endpoint=cache.endpoint):
        put_object(cache.prefix(), 1)
        reading, writing = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                list_objects("a")
            except flame_object_cache.InvalidConfig as error:
                os.write(writing, str(error).encode())
            finally:
                os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as pipe:
            assert "spawn" in pipe.read()
        os.waitpid(child, 0)
