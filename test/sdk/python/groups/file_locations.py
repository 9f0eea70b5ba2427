"""Locations from a hostile server: the client opens only the regular file of the requested object.
"""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

import pyarrow as pa
from sdk import location_of, settings
from support.cases import each

from flame_object_cache import local_files, put_object

STORAGES = ("files",)
KEY = "app/session/object"


@contextmanager
def _storage() -> Iterator[Path]:
    """A storage directory with the file of one object."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "root", f"{KEY}.arrow")
        path.parent.mkdir(parents=True)
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, pa.schema({"n": pa.int8()})) as writer:
            writer.write_batch(pa.record_batch({"n": pa.array([1], pa.int8())}))
        yield path


def _refuses(uri: str, key: str = KEY) -> None:
    """The location is refused before a byte is used, and no descriptor stays open."""
    before = os.listdir("/proc/self/fd")
    try:
        local_files.open_location(uri, key)
    except (OSError, ValueError):
        assert os.listdir("/proc/self/fd") == before
        return
    raise AssertionError(f"{uri} was opened")


@contextmanager
def _replaced(owner: object, name: str, new: Callable) -> Iterator[None]:
    original = getattr(owner, name)
    setattr(owner, name, new)
    try:
        yield
    finally:
        setattr(owner, name, original)


def case_are_opened_where_they_name_the_object(cache):
    with settings(endpoint=cache.endpoint):
        ref = put_object(cache.prefix() + " ü#?%", pa.table({"n": [1]}))
    assert local_files.open_location(location_of(cache.written_file(ref.key)), ref.key).num_rows == 1
    with _storage() as path:
        assert local_files.open_location(location_of(path), KEY).num_rows == 1


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))


def _linked_session(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to(path.parent.with_name("moved"))


def _linked_application(path: Path) -> None:
    application = path.parent.parent
    application.rename(application.with_name("moved"))
    application.symlink_to(application.with_name("moved"))


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _file_of_proc(path: Path) -> None:
    path.unlink()
    path.symlink_to("/proc/self/environ")


OTHERS = {
    "pipe": _fifo,
    "directory": _directory,
    "file without bytes": _empty,
    "link": _link,
    "link for its session": _linked_session,
    "link for its application": _linked_application,
    "link to a device": _device,
    "link to a file of the kernel": _file_of_proc,
}


@each(OTHERS)
def case_are_refused_where_there_is_a(_cache, change):
    with _storage() as path:
        change(path)
        _refuses(location_of(path))


@each(OTHERS)
def case_are_refused_where_since_the_first_look_there_is_a(_cache, change):
    """Skips the check before the open, as if the file changed after it: the open neither blocks nor
    follows a link.
    """
    with _storage() as path:
        seen, uri = path.stat(), location_of(path)
        change(path)
        with _replaced(os, "stat", lambda *_, **__: seen):
            _refuses(uri)


def case_are_refused_where_the_numbers_are_of_no_regular_file(_cache):
    for place in ("/dev/zero", "/dev/null", "/proc/self/environ", "/tmp"):
        seen = os.stat(place)
        facts = {"size": seen.st_size, "dev": seen.st_dev, "ino": seen.st_ino, "mtime_ns": seen.st_mtime_ns}
        try:
            local_files._check_identity(seen, {name: [str(number)] for name, number in facts.items()})
        except OSError:
            continue
        raise AssertionError(f"{place} was accepted")


def case_are_refused_where_the_file_shrinks_before_it_is_mapped(_cache):
    with _storage() as path:
        seen = path.stat()
        uri = location_of(path)
        os.truncate(path, 10)
        with _replaced(os, "stat", lambda *_, **__: seen), _replaced(os, "fstat", lambda _: seen):
            _refuses(uri)


def case_are_refused_where_the_file_is_of_another_object(_cache):
    with _storage() as path:
        uri = location_of(path)
        for key in ("app/session/other", "app/other/object", "other/session/object", "pp/session/object"):
            _refuses(uri, key)
        _refuses(location_of(Path("/etc/passwd")))


def case_are_followed_through_a_link_above_the_storage(_cache):
    with _storage() as path, tempfile.TemporaryDirectory() as directory:
        link = Path(directory, "link")
        link.symlink_to(path.parent.parent.parent)
        assert local_files.open_location(location_of(link / f"{KEY}.arrow"), KEY).num_rows == 1


ODD = {
    "another scheme": lambda uri: uri.replace("file:", "http:"),
    "another host": lambda uri: uri.replace("file://", "file://elsewhere"),
    "no host and no path": lambda uri: uri.replace("file:///", "file:"),
    "a number twice": lambda uri: uri + "&" + uri.partition("?")[2],
    "many numbers": lambda uri: uri + "&a=1" * 100,
    "too long a text": lambda uri: uri + "&a=" + "1" * 100_000,
    "a zero byte": lambda uri: uri.replace("/app/", "/app%00/"),
    "no UTF-8": lambda uri: uri.replace("/app/", "/%ff/../app/"),
    "no numbers": lambda uri: uri.partition("?")[0],
}


@each(ODD)
def case_are_refused_with(_cache, change):
    with _storage() as path:
        _refuses(change(location_of(path)))
