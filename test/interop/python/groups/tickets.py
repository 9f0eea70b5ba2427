"""DoGet (docs/protocol.md, "DoGet"): both forms of a ticket and every row of the table of answers,
for opaque objects."""

from support.calls import get
from support.expect import refused
from support.opaque import patch_value, put_value, three_field_rows, two_field_rows

STORAGES = ("files", "none")

HUGE_VERSIONS = ["7", "00000000000000000007", "4294967296", "9007199254740993", "18446744073709551616", "9" * 60]


def _patched(cache) -> str:
    """B = 1, S = 3."""
    key = cache.key()
    put_value(cache.client, key, b"base")
    patch_value(cache.client, key, b"first")
    patch_value(cache.client, key, b"second")
    return key


def case_a_key_gives_the_base_and_then_each_patch(cache):
    key = _patched(cache)
    assert two_field_rows(get(cache.client, key)) == [(1, b"base"), (2, b"first"), (3, b"second")]


def case_a_key_gives_one_row_when_nothing_was_patched(cache):
    key = cache.key()
    put_value(cache.client, key, b"base")
    assert two_field_rows(get(cache.client, key)) == [(1, b"base")]


def case_a_held_version_that_is_current_is_answered_by_no_batch(cache):
    key = cache.key()
    put_value(cache.client, key, b"base")
    assert three_field_rows(get(cache.client, f"{key}:1")) == []
    key = _patched(cache)
    assert three_field_rows(get(cache.client, f"{key}:3")) == []


def case_version_zero_gives_everything(cache):
    key = _patched(cache)
    want = [(1, "base", b"base"), (2, "patch", b"first"), (3, "patch", b"second")]
    assert three_field_rows(get(cache.client, f"{key}:0")) == want
    assert three_field_rows(get(cache.client, f"{key}:00")) == want


def case_a_held_version_since_the_base_gives_only_later_patches(cache):
    key = _patched(cache)
    assert three_field_rows(get(cache.client, f"{key}:1")) == [(2, "patch", b"first"), (3, "patch", b"second")]
    assert three_field_rows(get(cache.client, f"{key}:2")) == [(3, "patch", b"second")]
    assert three_field_rows(get(cache.client, f"{key}:002")) == [(3, "patch", b"second")]


def case_a_held_version_above_the_current_one_gives_everything(cache):
    key = _patched(cache)
    want = [(1, "base", b"base"), (2, "patch", b"first"), (3, "patch", b"second")]
    for version in ["4", *HUGE_VERSIONS]:
        assert three_field_rows(get(cache.client, f"{key}:{version}")) == want, version


def case_a_held_version_before_the_base_gives_everything(cache):
    key = _patched(cache)
    put_value(cache.client, key, b"new")
    patch_value(cache.client, key, b"third")
    want = [(4, "base", b"new"), (5, "patch", b"third")]
    for version in (0, 1, 2, 3, 6):
        assert three_field_rows(get(cache.client, f"{key}:{version}")) == want, version
    assert three_field_rows(get(cache.client, f"{key}:4")) == [(5, "patch", b"third")]
    assert three_field_rows(get(cache.client, f"{key}:5")) == []


def case_nothing_of_an_older_base_is_joined_to_a_newer_one(cache):
    key = _patched(cache)
    put_value(cache.client, key, b"new")
    assert two_field_rows(get(cache.client, key)) == [(4, b"new")]
    assert three_field_rows(get(cache.client, f"{key}:3")) == [(4, "base", b"new")]


def case_name_the_exact_key_first_and_are_split_at_the_last_colon_otherwise(cache):
    prefix = cache.prefix()
    put_value(cache.client, f"{prefix}/o", b"plain")
    put_value(cache.client, f"{prefix}/o:1", b"digits")
    put_value(cache.client, f"{prefix}/o:1x", b"letters")
    put_value(cache.client, f"{prefix}/o:-1", b"minus")
    put_value(cache.client, f"{prefix}/o:1:2", b"two")
    assert two_field_rows(get(cache.client, f"{prefix}/o:1")) == [(1, b"digits")]
    assert three_field_rows(get(cache.client, f"{prefix}/o:2")) == [(1, "base", b"plain")]
    assert three_field_rows(get(cache.client, f"{prefix}/o:1:0")) == [(1, "base", b"digits")]
    assert three_field_rows(get(cache.client, f"{prefix}/o:1:2:0")) == [(1, "base", b"two")]
    assert two_field_rows(get(cache.client, f"{prefix}/o:1x")) == [(1, b"letters")]
    assert two_field_rows(get(cache.client, f"{prefix}/o:-1")) == [(1, b"minus")]


def case_of_missing_objects_are_not_found(cache):
    key = cache.key()
    for ticket in (key, f"{key}:0", f"{key}:1", f"{key}:{'9' * 30}"):
        with refused("OBJECT_NOT_FOUND", about=ticket):
            get(cache.client, ticket)
    put_value(cache.client, f"{key}2", b"v")
    with refused("OBJECT_NOT_FOUND"):
        get(cache.client, key)


def case_of_the_empty_value_are_told_from_not_modified(cache):
    key = cache.key()
    put_value(cache.client, key, b"")
    assert three_field_rows(get(cache.client, f"{key}:0")) == [(1, "base", b"")]
    assert three_field_rows(get(cache.client, f"{key}:1")) == []


def case_of_large_values_give_one_base_row(cache):
    key, value = cache.key(), bytes(range(256)) * 200_000
    put_value(cache.client, key, value)
    assert three_field_rows(get(cache.client, f"{key}:0")) == [(1, "base", value)]
    assert two_field_rows(get(cache.client, key)) == [(1, value)]
