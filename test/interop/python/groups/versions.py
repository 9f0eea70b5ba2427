"""Versions (docs/protocol.md, "Versions") of a server in which nothing was ever deleted: they
begin at 1 and rise by 1."""

from support.calls import act_json, get, info, patch, put, ref_of
from support.opaque import patch_value, put_value, rows, three_field_rows, two_field_rows

STORAGES = ("files", "none")


def case_begin_at_one(cache):
    assert put_value(cache.client, cache.key(), b"v").version == 1
    assert put_value(cache.client, cache.prefix(), b"v").version == 1
    assert act_json(cache.client, "PUT", cache.prefix(), b"v")["version"] == 1


def case_rise_by_one_with_every_put_update_and_patch(cache):
    key = cache.key()
    seen = [
        put_value(cache.client, key, b"1").version,
        put_value(cache.client, key, b"2").version,
        patch_value(cache.client, key, b"3").version,
        patch_value(cache.client, key, b"4").version,
        act_json(cache.client, "UPDATE", key, b"5")["version"],
        patch_value(cache.client, key, b"6").version,
        put_value(cache.client, key, b"7").version,
    ]
    assert seen == [1, 2, 3, 4, 5, 6, 7]
    assert ref_of(info(cache.client, key)).version == 7


def case_of_different_keys_are_independent(cache):
    prefix = cache.prefix()
    for _ in range(3):
        last = put_value(cache.client, f"{prefix}/one", b"v")
    assert last.version == 3
    assert put_value(cache.client, f"{prefix}/two", b"v").version == 1


def case_sent_by_a_client_are_ignored(cache):
    key = cache.key()
    assert put(cache.client, key, [rows(b"v", version=77)]).version == 1
    assert two_field_rows(get(cache.client, key)) == [(1, b"v")]
    assert patch(cache.client, key, [rows(b"p", version=99)]).version == 2
    assert three_field_rows(get(cache.client, f"{key}:0")) == [(1, "base", b"v"), (2, "patch", b"p")]


def case_do_not_rise_when_a_call_is_refused(cache):
    key = cache.key()
    put_value(cache.client, key, b"v")
    for body in (f"{key}:***", f"{key}"):
        try:
            list(cache.client.do_action(("UPDATE", body.encode())))
        except Exception:  # noqa: BLE001  (which error it is belongs to another case)
            continue
    assert ref_of(info(cache.client, key)).version == 1
    assert put_value(cache.client, key, b"w").version == 2


def case_are_written_into_the_row_of_each_version(cache):
    key = cache.key()
    put_value(cache.client, key, b"a")
    put_value(cache.client, key, b"b")
    patch_value(cache.client, key, b"c")
    assert two_field_rows(get(cache.client, key)) == [(2, b"b"), (3, b"c")]
