"""Steps of FlameCache's calls: the arguments of a put, actions, a put by way of a file, and the
warning before pickles.
"""

from __future__ import annotations

import json
import logging
from typing import Any, Dict, List, Optional, Set, Tuple, Union

import pyarrow as pa
import pyarrow.flight as flight

from . import local_files, values
from .config import Config, check_endpoint
from .connection import Connection, calling
from .errors import ObjectNotFound
from .flight_messages import app_metadata_of
from .names import ObjectRef, check_components
from .security_warnings import warn_caller

log = logging.getLogger("flame_object_cache")


class _NotGiven:
    def __repr__(self) -> str:
        return "<not given>"


NOT_GIVEN: Any = _NotGiven()


def named_value(key_prefix: str, session_id: Any, obj: Any) -> Tuple[str, Any]:
    """Name and value of a put: `(app/session, obj)`, `(app/session/name, obj)` or `(app, session,
    obj)`. Raises InvalidKey.
    """
    if session_id is not NOT_GIVEN and obj is not NOT_GIVEN:
        return check_components(f"{key_prefix}/{session_id}", 2), obj
    if session_id is NOT_GIVEN and obj is NOT_GIVEN:
        raise TypeError("put takes a key or a prefix, and the value to store")
    return check_components(key_prefix, 2, 3), session_id if obj is NOT_GIVEN else obj


def act(connection: Connection, action: str, body: bytes) -> List[bytes]:
    """DoAction; the bodies of its answers."""
    return [
        result.body.to_pybytes()
        for result in connection.client.do_action(flight.Action(action, body), connection.options())
    ]


def json_body(fields: Dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def put_file(
    config: Config, storage: str, prefix: str, encoded: Union[pa.Table, values.Parts]
) -> Optional[ObjectRef]:
    """Local-storage mode: writes the file and asks the server for its reference. None if this
    client cannot write there, or the server does not see the file.
    """
    try:
        key = local_files.write_object(storage, prefix, encoded)
    except (OSError, pa.ArrowException) as error:
        log.debug("cannot write a file to %s, sending the value to the server: %s", storage, error)
        return None
    try:
        with calling(config.endpoint, config) as connection:
            info = connection.client.get_flight_info(
                flight.FlightDescriptor.for_path(key), connection.options()
            )
            return ObjectRef.decode(app_metadata_of(info))
    except BaseException as error:
        local_files.remove_object(storage, key)
        if not isinstance(error, ObjectNotFound):
            raise
        log.debug("the server does not see %s, sending the value to it: %s", storage, error)
        return None


# Endpoints for which this process has warned of pickles.
_warned_of: Set[str] = set()


def warn_of_pickle(endpoint: str, config: Config) -> None:
    """Warns the caller of `get` once for each endpoint on another host. If warnings are errors, it
    raises each time, before anything is unpickled.
    """
    endpoint = check_endpoint(endpoint)
    with calling(endpoint, config) as connection:
        if connection.is_local or endpoint in _warned_of:
            return
    text = (
        f"unpickling a value from {endpoint}, which is not on this host: anyone who can put there can "
        "run code here. allow_pickle=False refuses pickles; FLAME_WARN_PICKLE=0 silences this "
        "warning if you trust everyone who can put"
    )
    warn_caller(text)
    _warned_of.add(endpoint)
