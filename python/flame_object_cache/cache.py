"""The module functions: each calls a method of a client that takes its settings from the
environment and flame.yaml.

Settings are read at each call, so that a program can set the variables after the import.
Connections stay open until the process ends.
"""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Callable, TypeVar

from . import client
from .config import Config, current_config
from .connection import SHARED_POOL
from .names import WILDCARD_SESSION, ObjectKey, ObjectRef

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec

    P = ParamSpec("P")

R = TypeVar("R")
__all__ = ["WILDCARD_SESSION", "ObjectKey", "ObjectRef", "put_object", "get_object", "update_object", "patch_object"]
__all__ += ["delete_objects", "list_objects", "upload_object", "download_object", "pin_object", "unpin_object"]
__all__ += ["open_reader", "stat", "exists", "expire", "renew"]


class _DefaultClient(client.FlameCache):
    def __init__(self) -> None:
        self._pool, self._own_endpoints = SHARED_POOL, set()

    def _config(self) -> Config:
        return current_config()


_client = _DefaultClient()


def _function(name: str, method: "Callable[Concatenate[client.FlameCache, P], R]") -> "Callable[P, R]":
    """The method of the default client as a function of this module that can be pickled by name."""

    @functools.wraps(method)
    def call(*arguments: "P.args", **options: "P.kwargs") -> R:
        return method(_client, *arguments, **options)

    signature = inspect.signature(method)
    call.__module__, call.__name__, call.__qualname__ = __name__, name, name
    setattr(call, "__signature__", signature.replace(parameters=list(signature.parameters.values())[1:]))
    return call


put_object = _function("put_object", client.FlameCache.put)
get_object = _function("get_object", client.FlameCache.get)
open_reader = _function("open_reader", client.FlameCache.open_reader)
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
