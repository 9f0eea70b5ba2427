"""The module functions: each calls the method of a client that has the settings of the environment and flame.yaml.

Settings are read at each call, so that a program may set the variables first. Connections stay open until the process ends.
"""

from __future__ import annotations

import functools
import inspect
import logging
from typing import TYPE_CHECKING, Any, Callable, Iterator, List, NamedTuple, Optional, TypeVar, Union

import pyarrow as pa
import pyarrow.flight as flight

from . import client, local_files, values
from .config import Config, current_config
from .connection import SHARED_POOL, Connection, calling
from .errors import FlameError
from .names import WILDCARD_SESSION, ObjectKey, ObjectRef, check_components
from .soundness import checked

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

R = TypeVar("R")
log = logging.getLogger("flame_object_cache")
FILE_LOCATIONS_HEADER = (b"flame-file-locations", b"1")
__all__ = ["WILDCARD_SESSION", "ObjectKey", "ObjectRef", "put_object", "get_object", "update_object", "patch_object"]
__all__ += ["delete_objects", "list_objects", "upload_object", "download_object", "pin_object", "unpin_object"]
__all__ += ["stat", "exists", "expire", "renew"]


class _Stored(NamedTuple):
    base: Union[pa.Table, pa.Buffer]
    patches: List[pa.Buffer]


def _read(ref: ObjectRef, config: Config, zero_copy: bool) -> _Stored:
    check_components(ref.key, 3)
    with calling(ref.endpoint, config) as connection:
        mapped = _mapped(connection, ref.key) if zero_copy else None
        table = connection.client.do_get(flight.Ticket(f"{ref.key}:0"), connection.get_options).read_all() if mapped is None else mapped
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
    options = connection.options([FILE_LOCATIONS_HEADER])
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


class _DefaultClient(client.FlameCache):
    def __init__(self) -> None:
        self._pool, self._own_endpoints = SHARED_POOL, set()

    def _config(self) -> Config:
        return current_config()


_client = _DefaultClient()


def _function(name: str, method: "Callable[Concatenate[client.FlameCache, P], R]") -> "Callable[P, R]":
    """The method of the default client, as a function of this module that can be pickled by its name."""

    @functools.wraps(method)
    def call(*arguments: "P.args", **options: "P.kwargs") -> R:
        return method(_client, *arguments, **options)

    signature = inspect.signature(method)
    call.__module__, call.__name__, call.__qualname__ = __name__, name, name
    setattr(call, "__signature__", signature.replace(parameters=list(signature.parameters.values())[1:]))
    return call


put_object = _function("put_object", client.FlameCache.put)
get_object = _function("get_object", client.FlameCache.get)
update_object = _function("update_object", client.FlameCache.update)
patch_object = _function("patch_object", client.FlameCache.patch)
stat = _function("stat", client.FlameCache.stat)
exists = _function("exists", client.FlameCache.exists)
list_objects = _function("list_objects", client.FlameCache.list)
delete_objects = _function("delete_objects", client.FlameCache.delete)
pin_object = _function("pin_object", client.FlameCache.pin)
unpin_object = _function("unpin_object", client.FlameCache.unpin)
expire = _function("expire", client.FlameCache.expire)
renew = _function("renew", client.FlameCache.renew)
upload_object = _function("upload_object", client.FlameCache.upload)
download_object = _function("download_object", client.FlameCache.download)
