"""Put, get, update, patch, delete, list, upload, download: what users call. Every failure is a FlameError.

Arguments go before the configuration. Calls on a reference dial its endpoint, all others the configured one. Reads are tried
again where that can help; writes never, because what looks failed may have been done.
"""

from __future__ import annotations

import json
import logging
import os
import uuid
import warnings
from contextlib import nullcontext, suppress
from typing import IO, Any, Callable, ContextManager, Iterator, List, NamedTuple, Optional, Set, Union

import pyarrow as pa
import pyarrow.flight as flight

from . import local_files, values
from .config import Config, check_endpoint, current_config
from .connection import GET_OPTIONS, OPAQUE_SCHEMA, Connection, asking_for, calling
from .connection import opaque_row, opaque_rows, put, retrying, table_batches
from .errors import FlameError, FlameSecurityWarning, ObjectNotFound
from .names import ObjectKey, ObjectRef, check_components
from .patches import check_patch
from .soundness import checked

log = logging.getLogger("flame_object_cache")
Deserializer = Callable[[Any, List[Any]], Any]
PathOrFile = Union[str, "os.PathLike[str]", IO[bytes]]
Target = Union[str, ObjectKey, ObjectRef]
FILE_LOCATIONS_HEADER = (b"flame-file-locations", b"1")
_MISSING: Any = object()


def put_object(
    application_id: str,
    session_id: Any,
    obj: Any = _MISSING,
    *,
    legacy: Optional[bool] = None,
    durability: Optional[str] = None,
    ttl_seconds: Optional[float] = None,
) -> ObjectRef:
    """Stores a value under a new key of `application_id/session_id`: `put_object("app", "session", obj)`, or
    `put_object("app/session", obj)`. A prefix of three components is the key itself, and replaces what is there.

    `legacy` writes only what clients of generation 2 read: pickles instead of JSON and bytes. `durability="power-loss"` returns when the object
    survives one. The object is gone `ttl_seconds` after it was stored; 0 means without end, also where its session has a time to live.
    With either of the two the value goes to the server also in local-storage mode: a file that is written here says nothing of them.
    """
    name, value = (application_id, session_id) if obj is _MISSING else (f"{application_id}/{session_id}", obj)
    check_components(name, 2, *((3,) if obj is _MISSING else ()))
    wishes = asking_for(durability, ttl_seconds)
    file_under = name if name.count("/") == 1 and durability is None and ttl_seconds is None else None
    return _put(flight.FlightDescriptor.for_path(name), value, legacy, file_under=file_under, wishes=wishes)


def update_object(ref: ObjectRef, obj: Any, *, legacy: Optional[bool] = None, durability: Optional[str] = None) -> ObjectRef:
    """Replaces the object with a new value, patches included; the reference returned has its version."""
    descriptor = flight.FlightDescriptor.for_path(check_components(ref.key, 3))
    return _put(descriptor, obj, legacy, ref.endpoint, wishes=asking_for(durability))


def patch_object(ref: ObjectRef, value: Any, *, legacy: Optional[bool] = None, durability: Optional[str] = None) -> ObjectRef:
    """Appends to the object: rows to a table, which must be of its schema, or a patch to any other value, for `deserializer`."""
    descriptor = flight.FlightDescriptor.for_command(f"PATCH:{check_components(ref.key, 3)}")
    return _put(descriptor, value, legacy, ref.endpoint, wishes=asking_for(durability))


def _put(
    descriptor: flight.FlightDescriptor,
    obj: Any,
    legacy: Optional[bool],
    endpoint: Optional[str] = None,
    file_under: Optional[str] = None,
    wishes: Optional[flight.FlightCallOptions] = None,
) -> ObjectRef:
    config = current_config()
    encoded = values.encode(obj, legacy=config.legacy if legacy is None else legacy)
    ref = _put_file(config, config.storage, file_under, encoded) if config.storage and file_under else None
    if ref is not None:
        return ref
    with calling(endpoint or config.endpoint, config) as connection:
        if isinstance(encoded, pa.Table):
            check_patch(connection.client, descriptor, encoded)
            return put(connection, descriptor, encoded.schema, table_batches(encoded), wishes)
        return put(connection, descriptor, OPAQUE_SCHEMA, opaque_rows(encoded), wishes)


def _put_file(config: Config, storage: str, prefix: str, encoded: values.Encoded) -> Optional[ObjectRef]:
    """Local-storage mode: writes the file and asks the server for its reference. None when that cannot be done here."""
    try:
        key = local_files.write_object(storage, prefix, encoded)
    except (OSError, pa.ArrowException) as error:
        log.debug("no file written to %s, the server is sent the value: %s", storage, error)
        return None
    try:
        with calling(config.endpoint, config) as connection:
            info = connection.client.get_flight_info(flight.FlightDescriptor.for_path(key))
            return ObjectRef.decode(info.app_metadata)
    except BaseException as error:
        local_files.remove_object(storage, key)
        if not isinstance(error, ObjectNotFound):
            raise
        log.debug("the server does not see %s, it is sent the value: %s", storage, error)
        return None


class _Stored(NamedTuple):
    base: Union[pa.Table, pa.Buffer]
    patches: List[pa.Buffer]


def get_object(
    ref: ObjectRef,
    *,
    deserializer: Optional[Deserializer] = None,
    allow_pickle: Optional[bool] = None,
    zero_copy: Optional[bool] = None,
    view: bool = False,
) -> Any:
    """The current value of the object: `deserializer(base, patches)` where one is given, else the base without its patches.

    Tables and arrays are read-only views; on the server's host they are views of the object's own file (`zero_copy`).
    `view` gives a memoryview of what was put as bytes. Raises ObjectNotFound, UnreadableValue, PickleRefused.
    Warns with FlameSecurityWarning before the first pickle of each endpoint that is not on this host.
    """
    config = current_config()
    allowed = config.allow_pickle if allow_pickle is None else allow_pickle
    stored = retrying(lambda: _read(ref, config, config.zero_copy if zero_copy is None else zero_copy))
    parts = (stored.base, *stored.patches)
    if allowed and config.warn_pickle and any(map(values.is_pickle, parts)):
        _warn_of_pickle(ref.endpoint, config)
    decoded = [values.decode_value(part, allow_pickle=allowed, view=view) for part in parts]
    return decoded[0] if deserializer is None else deserializer(decoded[0], decoded[1:])


# Endpoints whose pickles were warned of in this process.
_warned_of: Set[str] = set()


def _warn_of_pickle(endpoint: str, config: Config) -> None:
    """For the caller of `get_object`. Where warnings are errors it raises each time, and nothing is unpickled."""
    endpoint = check_endpoint(endpoint)
    with calling(endpoint, config) as connection:
        if connection.is_local or endpoint in _warned_of:
            return
    text = (
        f"a value of {endpoint}, which is not on this host, is unpickled: whoever can put there can run code here. "
        "allow_pickle=False refuses pickles; FLAME_WARN_PICKLE=0 silences this where all who can put are trusted"
    )
    warnings.warn(text, FlameSecurityWarning, stacklevel=3)
    _warned_of.add(endpoint)


def _read(ref: ObjectRef, config: Config, zero_copy: bool) -> _Stored:
    check_components(ref.key, 3)
    with calling(ref.endpoint, config) as connection:
        mapped = _mapped(connection, ref.key) if zero_copy else None
        table = connection.client.do_get(flight.Ticket(f"{ref.key}:0"), GET_OPTIONS).read_all() if mapped is None else mapped
    try:
        # Every table is sent with this entry when it is asked for by version.
        if values.FORMAT in (table.schema.metadata or {}) if mapped is None else not values.is_opaque(table.schema):
            return _Stored(checked(table) if mapped is None else table, [])
        cells = [cell for chunk in table.column("data").chunks for cell in _cells_of(chunk)]
        kinds = table.column("kind").to_pylist() if "kind" in table.schema.names else ["base"] * len(cells)
        base = [cell for cell, kind in zip(cells, kinds) if kind == "base"]
    except (pa.ArrowException, ValueError, LookupError, TypeError) as error:
        raise FlameError("INVALID_IPC", f"the answer is neither a table nor an opaque value: {error}") from error
    joined = base[0] if len(base) == 1 else pa.py_buffer(b"".join(base))
    return _Stored(joined, [cell for cell, kind in zip(cells, kinds) if kind == "patch"])


def _cells_of(column: pa.Array) -> Iterator[pa.Buffer]:
    """Views; pyarrow's scalars would be copies. The offsets are what the server says; `slice` refuses what lies outside."""
    if column.type not in (pa.binary(), pa.large_binary()):
        raise ValueError(f"its data is of type {column.type}")
    _, offsets, data = column.buffers()
    if not len(column):
        return
    ends = memoryview(offsets).cast("q" if column.type == pa.large_binary() else "i")
    data = data or pa.py_buffer(b"")
    for row in range(column.offset, column.offset + len(column)):
        yield data.slice(ends[row], ends[row + 1] - ends[row])


def _mapped(connection: Connection, key: str) -> Optional[pa.Table]:
    """The object as views of its file, when the server tells where that is and it can be opened here."""
    if not connection.asks_for_files():
        return None
    options = flight.FlightCallOptions(headers=[FILE_LOCATIONS_HEADER])
    info = connection.client.get_flight_info(flight.FlightDescriptor.for_path(key), options)
    uris = (location.uri for endpoint in info.endpoints for location in endpoint.locations)
    uri = next((uri for uri in uris if uri.startswith(b"file:")), None)
    table = None
    try:
        table = None if uri is None else local_files.open_location(uri.decode(), key)
    except (OSError, ValueError, pa.ArrowException) as error:
        log.debug("the file of %s is not read, the server sends it: %s", key, error)
    connection.learn(opened=table is not None)
    return table


def delete_objects(prefix: Target) -> None:
    """Deletes an object, a session (`app/session`) or an application (`app/*`); nothing to delete is no error."""
    config, endpoint, name = _named(prefix)

    def delete() -> None:
        with calling(endpoint, config) as connection:
            for _ in connection.client.do_action(flight.Action("DELETE", name.encode())):
                pass

    retrying(delete)


def pin_object(prefix: Target, *, ttl_seconds: Optional[float] = None) -> None:
    """Keeps an object, a session (`app/session`) or an application (`app/*`) from eviction, for good or for a time."""
    _act("PIN", prefix, ttl_seconds=ttl_seconds)


def unpin_object(prefix: Target) -> None:
    """Ends the pin that was set by this name."""
    _act("UNPIN", prefix)


def _act(action: str, target: Target, **more: Any) -> None:
    config, endpoint, name = _named(target)
    body = json.dumps({"key": name, **more}).encode()
    with calling(endpoint, config) as connection:
        for _ in connection.client.do_action(flight.Action(action, body)):
            pass


def list_objects(prefix: Target = "") -> List[ObjectRef]:
    """References of all objects under `app`, `app/session` or a key; of everything without a prefix."""
    config, endpoint, name = _named(prefix)

    def find() -> List[ObjectRef]:
        with calling(endpoint, config) as connection:
            return [ObjectRef.decode(info.app_metadata) for info in connection.client.list_flights(name.encode())]

    return retrying(find)


def _named(target: Target) -> "tuple[Config, str, str]":
    config = current_config()
    if isinstance(target, ObjectRef):
        return config, target.endpoint, target.key
    return config, config.endpoint, str(target)


def upload_object(prefix: str, path_or_file: PathOrFile) -> ObjectRef:
    """Stores the bytes of a file, in rows of 1 MiB, for `download_object`; at a key of its own if three components are given."""
    check_components(prefix, 2, 3)
    config = current_config()
    with calling(config.endpoint, config) as connection:
        if isinstance(path_or_file, (str, os.PathLike)):
            opened: ContextManager[IO[bytes]] = open(path_or_file, "rb")
        else:
            opened = nullcontext(path_or_file)
        with opened as file:
            return put(connection, flight.FlightDescriptor.for_path(prefix), OPAQUE_SCHEMA, _rows_of(file))


def _rows_of(file: IO[bytes]) -> Iterator[pa.RecordBatch]:
    for chunk in iter(lambda: file.read(local_files.SLICE_BYTES), b""):
        yield opaque_row(pa.py_buffer(chunk))


def download_object(ref: ObjectRef, path_or_file: PathOrFile) -> None:
    """Writes an object's bytes as they are stored, without its patches. To a path: aside, then renamed when complete.

    Raises FlameError INVALID_REQUEST for a table, which is for `get_object`.
    """
    config = current_config()
    stored = retrying(lambda: _read(ref, config, config.zero_copy))
    if isinstance(stored.base, pa.Table):
        raise FlameError("INVALID_REQUEST", "the object is a table: get it with get_object")
    pieces = local_files.slices_of([stored.base])
    if not isinstance(path_or_file, (str, os.PathLike)):
        path_or_file.writelines(pieces)
        return
    path = os.fspath(path_or_file)
    aside = f"{path}.{uuid.uuid4()}.part"
    try:
        with open(aside, "xb") as file:
            file.writelines(pieces)
        os.replace(aside, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(aside)
        raise
