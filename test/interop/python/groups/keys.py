"""Keys (docs/protocol.md, "Keys"): what is legal is kept as it is, anything else is INVALID_KEY
before a file is touched."""

import pyarrow.flight as flight

from support.calls import act, act_json, get, info, patch_of, path, put
from support.expect import refused
from support.opaque import put_value, rows, value_of

STORAGES = ("files", "none")

BAD_KEYS = [
    # one component, too many, or empty ones
    "", "a", "a/b/c/d", "a/b/c/d/e", "/", "//", "///", "/a/s/o", "a/s/o/", "a//o", "/s/o", "a/s/", "a//", "//o",
    # directories
    "../s/o", "a/../o", "a/s/..", "./s/o", "a/./o", "a/s/.", "../../etc/passwd", "/etc/passwd", "../..", "a/..",
    # leading dots
    ".a/s/o", "a/.s/o", "a/s/.o", "a/s/...", "..a/s/o", "a/s/.hidden",
    # separators of another system
    "a\\b/s/o", "a/s\\t/o", "a/s/o\\p", "a/s/..\\..\\o", "\\\\host/share/o", "C:\\x/s/o",
    # control characters
    "a/s/o\0", "a\0/s/o", "a/s/o\n", "a/s\r/o", "a/s/\to", "a/s/\x1b[2J", "a/s/o\x7f", "a/s/o\x85", "a\x01/s/o",
    # wildcards
    "*/s/o", "a/*/o", "a/s/*", "a/*", "*/*", "*/*/*", "*",
    # lengths in bytes
    "a" * 201 + "/s/o", "a/" + "s" * 201 + "/o", "a/s/" + "o" * 201, "a/s/" + "o" * 300, "a/s/" + "é" * 101,
    "a/s/" + "o" * 5000,
]  # fmt: skip

GOOD_IDS = {
    "200 bytes": "o" * 200,
    "200 bytes of two-byte letters": "é" * 100,
    "one letter": "o",
    "colons": "a:b:c",
    "a colon and digits": "o:12",
    "spaces": " o o ",
    "percent signs": "%2e%2e%2f",
    "an inner dot": "a..b",
    "dots at the end": "o...",
    "dashes": "--version",
    "other scripts": "日本語-данные-🔥",
    "a composed letter": "é",
    "a decomposed letter": "e\u0301",
    "the ending of a file": "o.arrow",
    "the ending of a stream": "o.arrows",
    "a star among letters": "a*b",
    "shell letters": "$(reboot);`id`|&<>\"'",
    "a tilde": "~o~",
    "the name of a patch": "o.patch.1",
    "the name of a temporary file": "o.tmp",
    "a hash": "o#1",
    "upper case": "OBJECT",
}


def case_refuses_every_bad_key_of_a_put_and_touches_no_file(cache):
    parent = cache.storage.parent if cache.storage else None

    def files():
        # The journal writes what earlier cases did a moment later.
        found = parent.rglob("*") if parent else []
        return sorted(path for path in found if ".journal" not in path.parts)

    before = files()
    for key in BAD_KEYS:
        with refused("INVALID_KEY", about=key):
            put_value(cache.client, key, b"x" * 100)
    assert len(BAD_KEYS) >= 50
    assert files() == before


def case_refuses_every_bad_key_of_a_patch(cache):
    for key in [*BAD_KEYS, "app/session"]:
        with refused("INVALID_KEY", about=key):
            put(cache.client, patch_of(key), [rows(b"x")])


def case_refuses_every_bad_key_of_a_ticket(cache):
    for key in [*BAD_KEYS, "app/session"]:
        for ticket in (key, f"{key}:0"):
            with refused("INVALID_KEY", about=ticket):
                get(cache.client, ticket)


def case_refuses_every_bad_key_of_get_flight_info_and_get_schema(cache):
    for key in [*BAD_KEYS, "app/session"]:
        with refused("INVALID_KEY", about=key):
            info(cache.client, key)
        with refused("INVALID_KEY", about=key):
            cache.client.get_schema(path(key))


def case_refuses_bad_keys_of_actions(cache):
    for key in BAD_KEYS:
        # A body is text with a colon in it: keys that hold one, or legal patterns, mean something else there.
        if ":" in key or key in ("a/*", "a/.."):
            continue
        # One name alone, or none, is no form that DELETE takes.
        with refused("INVALID_KEY", "INVALID_REQUEST", about=key):
            act(cache.client, "DELETE", key)
        with refused("INVALID_KEY", about=key):
            act_json(cache.client, "UPDATE", key, b"x")
    for prefix in ("../s", "a/..", "a/*", "*/s", "a/", "/s", "a/.s", "a/s\\t", "a/s/o/p", "a" * 201 + "/s"):
        with refused("INVALID_KEY", about=prefix):
            act_json(cache.client, "PUT", prefix, b"x")


def case_refuses_a_path_without_elements(cache):
    with refused("INVALID_KEY"):
        put(cache.client, flight.FlightDescriptor.for_path(), [rows(b"x")])


def case_refuses_keys_that_are_not_utf_8(cache):
    for key in (b"a/s/\xff", b"a/\xc3\x28/o", b"\xed\xa0\x80/s/o"):
        with refused("INVALID_KEY", "INVALID_REQUEST", about=key):
            get(cache.client, key)


def case_joins_the_elements_of_a_path(cache):
    app, session = cache.prefix().split("/")
    for number, parts in enumerate([(app, session, "o"), (f"{app}/{session}", "o"), (app, f"{session}/o")]):
        ref = put(cache.client, path(*parts), [rows(b"%d" % number)])
        assert ref.key == f"{app}/{session}/o"
        assert ref.version == number + 1
        assert value_of(cache.client, ref.key) == b"%d" % number
    assert info(cache.client, path(app, session, "o")).endpoints[0].ticket.ticket == f"{app}/{session}/o".encode()


def case_refuses_paths_whose_joined_elements_are_bad(cache):
    for parts in [("a", "s", ""), ("", "a", "s"), ("a", "..", "o"), ("a/", "s", "o"), ("a", "s", "o", "p"), ("a",)]:
        with refused("INVALID_KEY", about=parts):
            put(cache.client, path(*parts), [rows(b"x")])


def case_keeps_every_legal_id_apart(cache):
    prefix = cache.prefix()
    for label, object_id in GOOD_IDS.items():
        ref = put_value(cache.client, f"{prefix}/{object_id}", label.encode())
        assert ref.key == f"{prefix}/{object_id}"
        assert ref.version == 1, (label, ref)
    for label, object_id in GOOD_IDS.items():
        # `:0` keeps an id that ends in digits from being read as a version.
        reply = get(cache.client, f"{prefix}/{object_id}:0")
        assert reply.column("data") == [label.encode()], label
        if cache.storage:
            assert cache.written_file(f"{prefix}/{object_id}").is_file(), label


def case_takes_legal_names_for_applications_and_sessions_too(cache):
    base = cache.prefix().split("/")[0]
    for name in ("é" * 50, "a:b", "x.arrow", "日本", " ", "a*"):
        key = f"{base}{name}/{name}/o"
        assert put_value(cache.client, key, name.encode()).key == key
        assert value_of(cache.client, key) == name.encode()


def case_tells_the_reason_of_a_refused_upload_in_its_middle(cache):
    big = rows(b"x" * (1 << 20))
    with refused("INVALID_KEY"):
        put(cache.client, "app/../o", [big] * 64)
    assert put_value(cache.client, cache.key(), b"the connection still serves").version == 1
