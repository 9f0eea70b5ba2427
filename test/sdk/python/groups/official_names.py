"""What the cache API of the official Flame SDK (flamepy 0.6) offers works under the same names and
keywords.
"""

import inspect
import tempfile
from pathlib import Path

import polars as pl
import pyarrow as pa
from sdk import fails, settings
from support.cases import each

import flame_object_cache
from flame_object_cache import WILDCARD_SESSION, InvalidKey, ObjectKey, ObjectRef
from flame_object_cache import cache as functions

STORAGES = ("files", "none")


def case_of_functions_take_their_keywords(cache):
    api = flame_object_cache
    with settings(endpoint=cache.endpoint), tempfile.TemporaryDirectory() as directory:
        prefix = cache.prefix()
        ref = api.put_object(key_prefix=prefix, obj=None)
        assert api.get_object(ref=ref) is None
        assert api.update_object(ref=ref, new_obj=[1]).version == 2
        assert api.patch_object(ref=ref, delta=[2]).version == 3
        assert api.get_object(ref, lambda base, patches: base + patches[0]) == [1, 2]
        assert api.get_object(ref=ref, deserializer=None) == [1]
        Path(directory, "file").write_bytes(b"bytes")
        uploaded = api.upload_object(key_or_prefix=f"{prefix}/file", file_path=f"{directory}/file")
        api.download_object(ref=uploaded, dest_path=f"{directory}/copy")
        assert Path(directory, "copy").read_bytes() == b"bytes"
        api.delete_objects(key_prefix=prefix)
        assert api.list_objects(key_prefix=prefix) == []


def case_of_functions_take_an_application_and_a_session_too(cache):
    with settings(endpoint=cache.endpoint):
        application, _, session = cache.prefix().partition("/")
        for ref in (
            flame_object_cache.put_object(application, session, 1),
            flame_object_cache.put_object(application, session, obj=1),
            flame_object_cache.put_object(ObjectKey(application, session), 1),
        ):
            assert (
                ref.key.startswith(f"{application}/{session}/")
                and flame_object_cache.get_object(ref) == 1
            )
        for wrong in ((), ("only/prefix",)):
            try:
                flame_object_cache.put_object(*wrong)
            except TypeError:
                continue
            raise AssertionError("a put without a value was taken")


def case_of_functions_are_those_of_the_default_client(_cache):
    for name in (
        "put_object",
        "get_object",
        "update_object",
        "patch_object",
        "delete_objects",
        "stat",
        "exists",
        "expire",
        "renew",
    ):
        function = getattr(flame_object_cache, name)
        method = getattr(flame_object_cache.FlameCache, name.partition("_")[0])
        assert (
            function is getattr(functions, name)
            and function.__name__ == name
            and function.__doc__ == method.__doc__
        )
        assert (
            list(inspect.signature(function).parameters)
            == list(inspect.signature(method).parameters)[1:]
        )


def case_of_keys_have_their_constructors(_cache):
    full = ObjectKey.from_key("app/s/o")
    assert (
        full
        == ObjectKey(app_name="app", session_id="s", object_id="o")
        == ObjectKey.from_path("app/s/o")
        == ObjectKey.parse("app/s/o")
    )
    prefix = ObjectKey.from_prefix("app/s")
    assert (
        prefix == ObjectKey("app", "s") == ObjectKey.from_path("app/s") and prefix.object_id is None
    )
    assert (str(full), full.to_key(), full.to_prefix()) == ("app/s/o", "app/s/o", "app/s")
    assert (str(prefix), prefix.to_key(), prefix.to_prefix()) == ("app/s", None, "app/s")
    assert str(ObjectKey.for_shared("app")) == "app/shared"
    everything = ObjectKey.for_all_sessions("app")
    assert (
        str(everything),
        WILDCARD_SESSION,
        everything.is_all_sessions(),
        prefix.is_all_sessions(),
    ) == ("app/*", "*", True, False)
    assert ObjectKey.from_path("app/*") == everything == ObjectKey.from_prefix("app/*")
    made = prefix.with_generated_id()
    assert made.to_prefix() == "app/s" and made.object_id not in (
        None,
        prefix.with_generated_id().object_id,
    )
    assert len({full, ObjectKey.from_key("app/s/o")}) == 1


MATCHES = {
    "app/s/o": ["app/s/o"],
    "app/s": ["app/s/o", "app/s/p"],
    "app/*": ["app/s/o", "app/s/p", "app/t/o"],
    "ap/*": [],
}


@each({pattern: (pattern, keys) for pattern, keys in MATCHES.items()})
def case_of_keys_match(_cache, entry):
    pattern, keys = entry
    candidates = [
        "app/s/o",
        "app/s/p",
        "app/t/o",
        "app/s",
        "app",
        "app/s/o/x",
        "app//o",
        "app/s/",
        "other/s/o",
    ]
    assert [key for key in candidates if ObjectKey.from_path(pattern).matches_key(key)] == keys


BAD = {
    "a wildcard application": lambda: ObjectKey("*", "s"),
    "an empty application": lambda: ObjectKey("", "s"),
    "an application of two": lambda: ObjectKey("a/b", "s"),
    "an empty session": lambda: ObjectKey("a", ""),
    "a session of two": lambda: ObjectKey("a", "b/c"),
    "a way up": lambda: ObjectKey("a", ".."),
    "an empty object": lambda: ObjectKey("a", "s", ""),
    "a wildcard object": lambda: ObjectKey("a", "s", "*"),
    "an object of all sessions": lambda: ObjectKey("a", "*", "o"),
    "a backslash": lambda: ObjectKey("a", "s", "o\\p"),
    "a key that should be a prefix": lambda: ObjectKey.from_prefix("a/s/o"),
    "a prefix that should be a key": lambda: ObjectKey.from_key("a/s"),
    "one component": lambda: ObjectKey.from_path("a"),
    "four components": lambda: ObjectKey.from_path("a/b/c/d"),
    "an id for all sessions": lambda: ObjectKey.for_all_sessions("a").with_generated_id(),
}


@each(BAD)
def case_of_keys_are_refused_as_value_errors(_cache, make):
    with fails(InvalidKey, "INVALID_KEY") as caught:
        make()
    assert isinstance(caught[0], ValueError)


def case_of_what_is_not_there_is_a_key_error(cache):
    with settings(endpoint=cache.endpoint):
        try:
            flame_object_cache.get_object(ObjectRef(cache.endpoint, cache.key()))
        except KeyError as error:
            assert str(error) == "[OBJECT_NOT_FOUND] no object at this key"
        else:
            raise AssertionError("nothing was raised")


def case_of_references_let_their_version_be_set(cache):
    with settings(endpoint=cache.endpoint):
        ref = flame_object_cache.put_object(cache.prefix(), 1)
        known = {ref}
        flame_object_cache.update_object(ref, 2)
        ref.version = 0
        assert flame_object_cache.get_object(ref) == 2
        assert ref == ObjectRef(ref.endpoint, ref.key) and hash(ref) in map(hash, known)
        assert ObjectRef.decode(ref.encode()) == ref


class _Dataset:
    def __init__(self, arrow):
        self.arrow = arrow

    def to_arrow(self):
        return self.arrow


class _NeedsArguments:
    def to_arrow(self, schema):
        raise AssertionError(schema)

    def __eq__(self, other):
        return isinstance(other, _NeedsArguments)


def case_of_objects_that_become_tables(cache):
    table = pa.table({"n": [1, 2]})
    frame = pl.DataFrame({"n": [1, 2]})
    with settings(endpoint=cache.endpoint):
        for value, want in (
            (_Dataset(table), table),
            (_Dataset(pa.record_batch({"n": [1, 2]})), table),
            (frame.lazy().filter(pl.col("n") > 0), frame),
        ):
            ref = flame_object_cache.put_object(cache.prefix(), value)
            seen = flame_object_cache.get_object(ref)
            assert type(seen) is type(want) and seen.equals(want)
            assert flame_object_cache.stat(ref).kind == "table"


def case_of_objects_whose_to_arrow_gives_no_table_are_values(cache):
    with settings(endpoint=cache.endpoint):
        for value in (_NeedsArguments(), pl.Series("n", [1, 2])):
            ref = flame_object_cache.put_object(cache.prefix(), value)
            assert flame_object_cache.stat(ref).kind == "opaque"
            assert type(flame_object_cache.get_object(ref)) is type(value)


def case_of_lazy_frames_that_cannot_be_collected_are_refused(_cache):
    broken = pl.DataFrame({"n": [1]}).lazy().select(pl.col("missing"))
    with settings(), fails(flame_object_cache.InvalidValue, "INVALID_VALUE") as caught:
        flame_object_cache.encode_value(broken)
    assert "missing" in str(caught[0])


def case_of_downloads_make_directories_and_refuse_patches(cache):
    with settings(endpoint=cache.endpoint), tempfile.TemporaryDirectory() as directory:
        Path(directory, "file").write_bytes(b"bytes")
        ref = flame_object_cache.upload_object(cache.prefix(), f"{directory}/file")
        deep = Path(directory, "a", "b", "copy")
        flame_object_cache.download_object(ref, deep)
        assert deep.read_bytes() == b"bytes"
        flame_object_cache.patch_object(ref, b"more")
        refused = Path(directory, "refused", "copy")
        with fails(flame_object_cache.FlameError, "INVALID_REQUEST") as caught:
            flame_object_cache.download_object(ref, refused)
        assert "patch" in str(caught[0]) and not refused.parent.exists()


def case_of_uploads_say_which_file_is_missing(cache):
    with settings(endpoint=cache.endpoint):
        try:
            flame_object_cache.upload_object(cache.prefix(), "/no/such/file")
        except FileNotFoundError as error:
            assert error.filename == "/no/such/file"
        else:
            raise AssertionError("nothing was raised")
