"""DELETE in each form, and versions that are never used twice (docs/protocol.md, "Versions" and
"Other methods"). Versions here start anywhere."""

from support.calls import act_json, delete, flights, get, info, put
from support.expect import eventually, refused
from support.opaque import patch_value, put_value, three_field_rows, value_of
from support.tables import numbers

STORAGES = ("files", "none")


def _exists(cache, key: str) -> bool:
    """Asked by list and by get, which must agree."""
    listed = bool(flights(cache.client, key))
    try:
        get(cache.client, key)
    except KeyError:
        assert not listed, key
        return False
    assert listed, key
    return True


def _fill(cache) -> tuple[str, list[str]]:
    app = cache.prefix().split("/")[0]
    keys = [f"{app}/one/a", f"{app}/one/b", f"{app}/two/c", f"{app}x/one/d"]
    for key in keys:
        put_value(cache.client, key, b"v")
    put(cache.client, keys[1], [numbers(3)])
    patch_value(cache.client, keys[0], b"patch")
    return app, keys


def case_of_an_object_leaves_its_neighbours(cache):
    _, keys = _fill(cache)
    delete(cache.client, keys[0])
    assert [_exists(cache, key) for key in keys] == [False, True, True, True]
    with refused("OBJECT_NOT_FOUND"):
        info(cache.client, keys[0])
    with refused("OBJECT_NOT_FOUND"):
        patch_value(cache.client, keys[0], b"late")


def case_of_a_session_leaves_other_sessions(cache):
    app, keys = _fill(cache)
    delete(cache.client, f"{app}/one")
    assert [_exists(cache, key) for key in keys] == [False, False, True, True]


def case_of_a_session_by_colon_does_the_same(cache):
    app, keys = _fill(cache)
    delete(cache.client, f"{app}:one")
    assert [_exists(cache, key) for key in keys] == [False, False, True, True]


def case_of_an_application_leaves_other_applications(cache):
    app, keys = _fill(cache)
    delete(cache.client, f"{app}/*")
    assert [_exists(cache, key) for key in keys] == [False, False, False, True]


def case_are_ok_when_nothing_matched(cache):
    app = cache.prefix().split("/")[0]
    for name in (f"{app}/s/o", f"{app}/s", f"{app}:s", f"{app}/*"):
        delete(cache.client, name)
        delete(cache.client, name)


def _files_of(cache, app):
    return [path for path in cache.storage.rglob("*") if path.is_file() and f"{app}/one/" in str(path)]


def case_leave_no_file_of_the_object(cache):
    app, _ = _fill(cache)
    delete(cache.client, f"{app}/one")
    if cache.storage:
        eventually("its files are removed", lambda: not _files_of(cache, app))


def case_never_let_a_version_be_used_twice(cache):
    key, used = cache.key(), set()
    for _ in range(4):
        for act in (put_value, put_value, patch_value):
            version = act(cache.client, key, b"v").version
            assert version not in used, (version, used)
            assert version > max(used, default=0)
            used.add(version)
        delete(cache.client, key)


def case_never_let_an_old_holder_be_told_not_modified(cache):
    key = cache.key()
    old = put_value(cache.client, key, b"old").version
    delete(cache.client, key)
    new = put_value(cache.client, key, b"new").version
    assert three_field_rows(get(cache.client, f"{key}:{old}")) == [(new, "base", b"new")]


def case_by_prefix_raise_versions_too(cache):
    for form in ("{0}/s", "{0}:s", "{0}/*"):
        app = cache.prefix().split("/")[0]
        key = f"{app}/s/o"
        put_value(cache.client, key, b"old")
        old = patch_value(cache.client, key, b"old").version
        delete(cache.client, form.format(app))
        assert put_value(cache.client, key, b"new").version > old, form


def case_do_not_touch_ids_made_by_the_server(cache):
    key = cache.key()
    put_value(cache.client, key, b"v")
    put_value(cache.client, key, b"v")
    delete(cache.client, key)
    assert put_value(cache.client, cache.prefix(), b"v").version == 1
    assert act_json(cache.client, "PUT", cache.prefix(), b"v")["version"] == 1


def case_and_puts_may_take_turns_for_long(cache):
    key, last = cache.key(), 0
    for number in range(60):
        version = put_value(cache.client, key, b"%d" % number).version
        assert version > last
        assert value_of(cache.client, key) == b"%d" % number
        delete(cache.client, key)
        last = version
