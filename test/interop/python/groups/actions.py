"""DoAction, ListActions and what is not offered (docs/protocol.md, "Other methods")."""

import base64
import os
import uuid

import pyarrow.flight as flight

from support.calls import act, act_json, get, info, options, path, put, ref_of
from support.expect import refused
from support.opaque import SENT, patch_value, put_value, rows, three_field_rows, two_field_rows, value_of
from support.tables import numbers

STORAGES = ("files", "none")


def case_list_actions_tells_each_with_a_description(cache):
    actions = {action.type: action.description for action in cache.client.list_actions(options())}
    assert {"PUT", "UPDATE", "DELETE"} <= actions.keys()
    assert all(actions.values()), actions


def case_put_makes_an_object_in_a_session(cache):
    prefix, value = cache.prefix(), os.urandom(1000)
    seen = act_json(cache.client, "PUT", prefix, value)
    assert list(seen) == ["endpoint", "key", "version", "size"]
    session, _, object_id = seen["key"].rpartition("/")
    assert (session, uuid.UUID(object_id).version) == (prefix, 4)
    assert (seen["endpoint"], seen["version"], seen["size"]) == (cache.endpoint, 1, 1000)
    assert value_of(cache.client, seen["key"]) == value
    assert ref_of(info(cache.client, seen["key"])) == (cache.endpoint, seen["key"], 1)


def case_put_takes_a_colon_between_application_and_session(cache):
    prefix = cache.prefix()
    seen = act_json(cache.client, "PUT", prefix.replace("/", ":"), b"value")
    assert seen["key"].startswith(f"{prefix}/")
    assert value_of(cache.client, seen["key"]) == b"value"


def case_put_takes_the_empty_value(cache):
    seen = act_json(cache.client, "PUT", cache.prefix(), b"")
    assert seen["size"] == 0
    assert value_of(cache.client, seen["key"]) == b""


def case_put_takes_megabytes(cache):
    value = os.urandom(5_000_000)
    seen = act_json(cache.client, "PUT", cache.prefix(), value)
    assert seen["size"] == 5_000_000
    assert value_of(cache.client, seen["key"]) == value


def case_put_refuses_what_is_too_large_for_one_action(cache):
    with refused("OBJECT_TOO_LARGE"):
        act(cache.client, "PUT", f"{cache.prefix()}:".encode() + b"A" * (80 << 20))


def case_update_replaces_an_object_with_its_patches(cache):
    key = cache.key()
    put_value(cache.client, key, b"one")
    patch_value(cache.client, key, b"two")
    seen = act_json(cache.client, "UPDATE", key, b"three")
    assert seen == {"endpoint": cache.endpoint, "key": key, "version": 3, "size": 5}
    assert two_field_rows(get(cache.client, key)) == [(3, b"three")]


def case_update_is_split_at_the_last_colon(cache):
    key = f"{cache.prefix()}/o:with:colons"
    put_value(cache.client, key, b"one")
    assert act_json(cache.client, "UPDATE", key, b"two")["key"] == key
    assert value_of(cache.client, key) == b"two"


def case_update_replaces_a_table(cache):
    key = cache.key()
    put(cache.client, key, [numbers(3)])
    assert act_json(cache.client, "UPDATE", key, b"value")["version"] == 2
    assert three_field_rows(get(cache.client, f"{key}:1")) == [(2, "base", b"value")]


def case_bodies_of_no_known_form_are_refused(cache):
    prefix, key, coded = cache.prefix(), cache.key(), base64.b64encode(b"value").decode()
    put_value(cache.client, key, b"value")
    for kind, body in [
        ("PUT", ""), ("PUT", coded), ("PUT", prefix), ("PUT", f"{prefix}:***"), ("PUT", f"{prefix}:{coded[:-2]}!"),
        ("UPDATE", ""), ("UPDATE", key), ("UPDATE", f"{key}:***"), ("UPDATE", f"{key}:\xff"),
        ("UPDATE", f"{prefix}:{coded}"), ("DELETE", ""), ("DELETE", "*"),
    ]:  # fmt: skip
        with refused("INVALID_REQUEST", "INVALID_KEY", about=(kind, body)):
            act(cache.client, kind, body)
    with refused("INVALID_REQUEST", "INVALID_KEY"):
        act(cache.client, "DELETE", b"\xff\xfe/s/o")
    assert value_of(cache.client, key) == b"value"


def case_unknown_actions_are_named_so(cache):
    for kind in ("put", "GET", "", "DELETE ", "é"):
        with refused("UNKNOWN_ACTION", about=kind):
            act(cache.client, kind, cache.key())


def case_handshake_is_not_implemented(cache):
    with cache.new_client() as client, refused("NOT_IMPLEMENTED"):
        client.authenticate_basic_token("user", "password", options())


def case_do_exchange_is_not_implemented(cache):
    with refused("NOT_IMPLEMENTED"):
        writer, reader = cache.client.do_exchange(path(cache.key()), options())
        with writer:
            writer.done_writing()
            reader.read_chunk()


def case_calls_after_refused_ones_are_served(cache):
    key = cache.key()
    for _ in range(50):
        with refused("OBJECT_NOT_FOUND"):
            get(cache.client, key)
        with refused("UNKNOWN_ACTION"):
            act(cache.client, "NOTHING", b"")
    assert put_value(cache.client, key, b"v").version == 1


def case_a_deadline_that_passes_ends_an_upload_and_leaves_no_object(cache):
    key = cache.key()
    writer, reader = cache.client.do_put(path(key), SENT, flight.FlightCallOptions(timeout=0.3))
    try:
        with writer:
            writer.write_batch(rows(b"never completed"))
            reader.read()
    except flight.FlightTimedOutError:
        pass
    else:
        raise AssertionError("an upload without an end was answered")
    with refused("OBJECT_NOT_FOUND"):
        get(cache.client, key)
