"""Client of the Flame Object Cache: values, tables and arrays, shared between processes.

    from flame_object_cache import FlameCache

    with FlameCache("grpc://127.0.0.1:9090") as cache:
        ref = cache.put("my-app/session123", {"a": 1})
        assert cache.get(ref) == {"a": 1}

FlameCache is the client, AsyncFlameCache the same for asyncio. The functions put_object, get_object
and so on call a client that takes its settings from the environment and flame.yaml; they have the
names of the official Flame SDK.
"""

from .cache import delete_objects, download_object, exists, expire, get_object, list_objects
from .cache import patch_object, pin_object, put_object, renew, stat, unpin_object, update_object
from .cache import open_reader, upload_object
from .aio import AsyncFlameCache
from .client import FlameCache
from .errors import DeadlineExceeded, FlameError, FlameSecurityWarning, InvalidConfig, InvalidKey
from .errors import InvalidValue, ObjectNotFound, PermissionDenied, PickleRefused, Unauthenticated
from .errors import Unreachable, UnreadableValue
from .names import WILDCARD_SESSION, ObjectKey, ObjectRef
from .object_info import ObjectInfo
from .values import decode_value, encode_value

__version__ = "0.1.0"
__all__ = ["FlameCache", "AsyncFlameCache", "put_object", "get_object", "open_reader"]
__all__ += ["update_object"]
__all__ += ["patch_object", "delete_objects", "list_objects", "upload_object", "download_object"]
__all__ += ["pin_object", "unpin_object", "stat", "exists", "expire", "renew", "ObjectKey"]
__all__ += ["ObjectRef", "ObjectInfo", "WILDCARD_SESSION", "encode_value", "decode_value"]
__all__ += ["FlameError", "ObjectNotFound", "InvalidKey", "InvalidConfig", "InvalidValue"]
__all__ += ["UnreadableValue", "PickleRefused", "Unreachable", "DeadlineExceeded"]
__all__ += ["Unauthenticated", "PermissionDenied"]
__all__ += ["FlameSecurityWarning", "__version__"]
