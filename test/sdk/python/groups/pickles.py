"""The client warns of pickles from another host, because anyone who can put there can run code
here.
"""

import socket
import warnings
from contextlib import contextmanager
from typing import Iterator, List

from sdk import settings
from support.cases import each
from support.opaque import put_value

import flame_object_cache
from flame_object_cache import calls
from flame_object_cache.config import current_config
from flame_object_cache import get_object, put_object
from flame_object_cache.connection import _is_this_host

STORAGES = ("none",)


@contextmanager
def _elsewhere(cache, **more: str) -> Iterator[List[warnings.WarningMessage]]:
    """Makes the cache's server look like one on another host. The list gets the warnings."""
    calls._warned_of.clear()
    with settings(endpoint=cache.endpoint, **more), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with calls.calling(cache.endpoint, current_config()) as pooled:
            was_local, pooled.is_local = pooled.is_local, False
        try:
            yield caught
        finally:
            pooled.is_local = was_local
            calls._warned_of.clear()


def case_of_another_host_are_warned_of_once(cache):
    with _elsewhere(cache) as caught:
        ref = put_object(cache.prefix(), {1, 2})
        assert (get_object(ref), get_object(ref)) == ({1, 2}, {1, 2})
        (warning,) = caught
        assert warning.category is flame_object_cache.FlameSecurityWarning and issubclass(warning.category, UserWarning)
        assert cache.endpoint in str(warning.message) and "allow_pickle" in str(warning.message)


def case_are_warned_of_at_the_line_of_the_caller(cache):
    with _elsewhere(cache) as caught:
        get_object(put_object(cache.prefix(), {1, 2}))
        assert [warning.filename for warning in caught] == [__file__]


def case_are_warned_of_once_for_each_endpoint(cache):
    with _elsewhere(cache) as caught:
        ref = put_object(cache.prefix(), {1, 2})
        other = flame_object_cache.ObjectRef(ref.endpoint.replace("127.0.0.1", "localhost"), ref.key)
        with calls.calling(other.endpoint, current_config()) as pooled:
            was_local, pooled.is_local = pooled.is_local, False
        for _ in range(2):
            get_object(ref)
            get_object(other)
        pooled.is_local = was_local
        assert len(caught) == 2 and len({str(warning.message) for warning in caught}) == 2


def case_without_a_tag_and_in_patches_are_warned_of(cache):
    with _elsewhere(cache) as caught:
        get_object(flame_object_cache.ObjectRef(cache.endpoint, put_value(cache.client, cache.key(), b"\x80\x04N.").key))
        assert len(caught) == 1
        calls._warned_of.clear()
        ref = put_object(cache.prefix(), [1])
        flame_object_cache.patch_object(ref, {2})
        assert get_object(ref, deserializer=lambda base, patches: [base, *patches]) == [[1], {2}]
        assert len(caught) == 2


def case_of_this_host_are_not_warned_of(cache):
    calls._warned_of.clear()
    with settings(endpoint=cache.endpoint), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert get_object(put_object(cache.prefix(), {1, 2})) == {1, 2}
    assert caught == []


def case_are_not_warned_of_where_the_setting_is_off(cache):
    with _elsewhere(cache, warn_pickle="0") as caught:
        assert get_object(put_object(cache.prefix(), {1, 2})) == {1, 2}
        assert caught == []


def case_are_not_warned_of_where_they_are_refused(cache):
    with _elsewhere(cache, allow_pickle="0") as caught:
        ref = put_object(cache.prefix(), {1, 2})
        try:
            get_object(ref)
        except flame_object_cache.PickleRefused:
            assert caught == []
            return
    raise AssertionError("a pickle was read")


def case_are_the_only_values_that_are_warned_of(cache):
    with _elsewhere(cache) as caught:
        for value in ([1], b"\x80\x04N.", "text"):
            assert get_object(put_object(cache.prefix(), value)) == value
        assert caught == []


def case_are_never_read_where_warnings_are_errors(cache):
    with _elsewhere(cache):
        ref = put_object(cache.prefix(), _Bomb())
        warnings.simplefilter("error")
        for _ in range(2):
            try:
                get_object(ref)
            except flame_object_cache.FlameSecurityWarning:
                continue
            raise AssertionError("a pickle was read")


class _Bomb:
    def __reduce__(self):
        return _explode, ()


def _explode() -> None:
    raise AssertionError("the pickle was read")


ADDRESSES = {
    "loopback": (["127.0.0.1"], True),
    "any loopback": (["127.1.2.3", "::1"], True),
    "loopback in IPv6": (["::ffff:127.0.0.1"], True),
    "a foreign one": (["192.0.2.1"], False),
    "loopback, then a foreign one": (["127.0.0.1", "192.0.2.1"], False),
    "none": ([], False),
}


@each(ADDRESSES)
def case_are_of_this_host_by_the_addresses_of_its_name(_cache, entry):
    addresses, want = entry
    resolve, kinds = socket.getaddrinfo, {True: socket.AF_INET6, False: socket.AF_INET}
    found = [(kinds[":" in address], socket.SOCK_DGRAM, 17, "", (address, 9)) for address in addresses]
    socket.getaddrinfo = lambda *_, **__: found
    _is_this_host.cache_clear()
    try:
        assert _is_this_host("name.example") is want
    finally:
        socket.getaddrinfo = resolve
        _is_this_host.cache_clear()
