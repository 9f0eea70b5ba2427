"""Client of the Flame Object Cache; see README.md."""

from .cache import delete_objects, download_object, get_object, list_objects
from .cache import patch_object, pin_object, put_object, unpin_object, update_object, upload_object
from .errors import DeadlineExceeded, FlameError, FlameSecurityWarning, InvalidConfig, InvalidKey, InvalidValue
from .errors import ObjectNotFound, PickleRefused, Unreachable, UnreadableValue
from .names import ObjectKey, ObjectRef
from .values import decode_value, encode_value

__all__ = ["put_object", "get_object", "update_object", "patch_object", "delete_objects", "list_objects"]
__all__ += ["upload_object", "download_object", "pin_object", "unpin_object", "ObjectKey", "ObjectRef", "encode_value", "decode_value"]
__all__ += ["FlameError", "ObjectNotFound", "InvalidKey", "InvalidConfig", "InvalidValue", "UnreadableValue"]
__all__ += ["PickleRefused", "Unreachable", "DeadlineExceeded", "FlameSecurityWarning"]
