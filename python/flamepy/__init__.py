"""Client of the Flame Object Cache; see README.md."""

from .cache import (
    delete_objects,
    download_object,
    get_object,
    list_objects,
    patch_object,
    put_object,
    update_object,
    upload_object,
)
from .errors import (
    DeadlineExceeded,
    FlameError,
    InvalidConfig,
    InvalidKey,
    InvalidValue,
    ObjectNotFound,
    PickleRefused,
    Unreachable,
    UnreadableValue,
)
from .names import ObjectKey, ObjectRef
from .values import decode_value, encode_value

__all__ = [
    "DeadlineExceeded",
    "FlameError",
    "InvalidConfig",
    "InvalidKey",
    "InvalidValue",
    "ObjectKey",
    "ObjectNotFound",
    "ObjectRef",
    "PickleRefused",
    "Unreachable",
    "UnreadableValue",
    "decode_value",
    "delete_objects",
    "download_object",
    "encode_value",
    "get_object",
    "list_objects",
    "patch_object",
    "put_object",
    "update_object",
    "upload_object",
]
__version__ = "0.1.0"
