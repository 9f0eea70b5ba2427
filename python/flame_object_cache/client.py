"""FlameCache: the client object. The module functions (cache.py) and AsyncFlameCache (aio.py) only
call it.

A call with a reference goes to the endpoint of the reference, any other call to the configured one.
Reads are retried after retryable errors. Writes that may have succeeded on the server are not.
Every failure of a call is a FlameError.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Callable, List, Optional, Union

import pyarrow as pa
import pyarrow.flight as flight

from . import files, local_files, reading, values
from .caller import Caller, Target
from .calls import NOT_GIVEN, act, json_body, named_value, put_file, warn_of_pickle
from .config import client_config, given_credentials
from .connection import Connection, calling, retrying
from .credentials import hidden
from .errors import FlameError, ObjectNotFound
from .files import PathOrFile
from .flight_messages import app_metadata_of, end_of, renew_request
from .names import ObjectKey, ObjectRef, check_components
from .object_info import ObjectInfo, object_info
from .puts import OPAQUE_SCHEMA, asking_for, put

Deserializer = Callable[[Any, List[Any]], Any]
Name = Union[str, ObjectKey]


class FlameCache(Caller):
    """A client of one cache, for any number of threads.

        with FlameCache("grpc://127.0.0.1:9090", timeout=10) as cache:
            ref = cache.put("my-app/session123", {"a": 1})
            assert cache.get(ref) == {"a": 1}

    Keys are text of the form `app/session/object`. A method that takes a reference also takes the
    text of a key or an ObjectKey, which names the object on the configured endpoint. A call with a
    reference goes to the endpoint of the reference.

    Every failure of a call is a FlameError with a `code` of the error table: ObjectNotFound,
    InvalidKey, Unreachable, DeadlineExceeded and others. If a local file cannot be read or written,
    the call raises OSError.
    """

    def __init__(
        self,
        endpoint: Optional[str] = None,
        *,
        timeout: Optional[float] = None,
        token: Optional[str] = None,
        token_file: Optional[str] = None,
        ca_file: Optional[str] = None,
        client_cert_file: Optional[str] = None,
        client_key_file: Optional[str] = None,
        allow_pickle: Optional[bool] = None,
    ) -> None:
        """Connects at the first call. Arguments that are None are read once, here, from the
        environment or flame.yaml.

        endpoint: `grpc://HOST:PORT`, or `grpcs://HOST:PORT` for TLS.
        timeout: seconds that one call to the server may take, transfer included. A longer call
            raises DeadlineExceeded. None: no limit.
        token: sent as bearer token to the configured endpoint and to endpoints that its server
            returns for puts or names as replicas. Takes precedence over token_file.
        token_file: a file that contains the token, read again when it changes.
        ca_file: certificates (PEM) to trust with `grpcs://`.
        client_cert_file: certificate (PEM) for a server that authenticates clients by TLS.
        client_key_file: the key (PEM) of this certificate.
        allow_pickle: False refuses to unpickle anything (PickleRefused).

        Raises InvalidConfig. Warns with FlameSecurityWarning if a file with a secret is readable by
        every user of this host.
        """
        secret = hidden(token)
        del token  # a traceback with the values of variables must not show it
        given = given_credentials(secret, token_file, client_cert_file, client_key_file)
        super().__init__(client_config(endpoint, timeout, ca_file, allow_pickle, given))

    def __enter__(self) -> FlameCache:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def put(
        self,
        key_prefix: Name,
        session_id: Any = NOT_GIVEN,
        obj: Any = NOT_GIVEN,
        *,
        legacy: Optional[bool] = None,
        durability: Optional[str] = None,
        ttl_seconds: Optional[float] = None,
    ) -> ObjectRef:
        """Stores a value and returns its reference.

            put("app/session", obj)          under a new key of this session
            put("app", "session", obj)       the same
            put("app/session/name", obj)     under this key; replaces what is there

        legacy: True writes only what clients of generation 2 read: pickles instead of JSON and
            bytes.
        durability: "restart" or "power-loss": the call returns when the object survives it.
        ttl_seconds: the object expires this long after the put; 0: never. None: the session's rule
            applies.

        Raises InvalidKey, InvalidValue, Unreachable, FlameError STORAGE_FULL. A put that fails
        stores nothing, except that after Unreachable and DeadlineExceeded the value may be stored.
        The client begins a put again only if the connection breaks at its first batch, when nothing
        can be stored.
        """
        name, value = named_value(str(key_prefix), session_id, obj)
        config, headers = self._config(), asking_for(durability, ttl_seconds)
        encoded = values.encode(value, legacy=config.legacy if legacy is None else legacy)
        # A file written by the client cannot carry a durability or a time to live.
        is_stream = isinstance(encoded, pa.RecordBatchReader)
        if config.storage and name.count("/") == 1 and not headers and not is_stream:
            ref = put_file(config, config.storage, name, encoded)
            if ref is not None:
                return ref
        return self._put(config.endpoint, flight.FlightDescriptor.for_path(name), encoded, headers)

    def update(
        self,
        ref: Target,
        new_obj: Any,
        *,
        legacy: Optional[bool] = None,
        durability: Optional[str] = None,
        ttl_seconds: Optional[float] = None,
    ) -> ObjectRef:
        """Replaces the object and its patches by a new value. Returns a reference with the new
        version.

        Creates the object if it does not exist. The options are those of `put`. Raises as `put`.
        """
        target = self._ref(ref)
        descriptor = flight.FlightDescriptor.for_path(target.key)
        return self._put(
            target.endpoint,
            descriptor,
            self._encoded(new_obj, legacy),
            asking_for(durability, ttl_seconds),
        )

    def patch(
        self,
        ref: Target,
        delta: Any,
        *,
        legacy: Optional[bool] = None,
        durability: Optional[str] = None,
        ttl_seconds: Optional[float] = None,
    ) -> ObjectRef:
        """Appends to the object: rows of the same schema to a table, a patch to any other value.

        `get` passes the patches of a value to its `deserializer`. The options are those of `put`.
        Raises ObjectNotFound, FlameError INVALID_REQUEST for a patch that does not fit the object;
        otherwise as `put`.
        """
        target = self._ref(ref)
        descriptor = flight.FlightDescriptor.for_command(f"PATCH:{target.key}")
        headers = asking_for(durability, ttl_seconds)
        return self._put(target.endpoint, descriptor, self._encoded(delta, legacy), headers)

    def get(
        self,
        ref: Target,
        deserializer: Optional[Deserializer] = None,
        *,
        allow_pickle: Optional[bool] = None,
        zero_copy: Optional[bool] = None,
        view: bool = False,
        at_least: bool = False,
    ) -> Any:
        """The current value of the object, even if the reference has an older version.

        deserializer: called as `deserializer(base, patches)`, patches oldest first; `get` returns
            its result. Without a deserializer, `get` returns the value without its patches. A table
            always has the rows of its patches.
        allow_pickle: False refuses pickles.
        zero_copy: False never reads the object's own file. By default, a client on the server's
            host does.
        view: True returns a value that was put as bytes as a memoryview, not as a copy.
        at_least: True accepts the version of the reference or any later one. A server over a bucket
            that remembers such a version then does not ask the store.

        Tables and arrays are read-only views of received memory or of the object's file: copy them
        to change them. Views do not change when the object is updated or deleted.
        Raises ObjectNotFound, UnreadableValue, PickleRefused, Unreachable, DeadlineExceeded. Warns
        with FlameSecurityWarning before the first pickle from each endpoint on another host.
        """
        target = self._ref(ref)
        config = self._config_for(target.endpoint)
        allowed = config.allow_pickle if allow_pickle is None else allow_pickle
        mapped = config.zero_copy if zero_copy is None else zero_copy
        stored = retrying(lambda: reading.read(target, config, mapped, at_least), config.timeout)
        if allowed and config.warn_pickle and stored.has_pickle:
            cells = [stored.base] if deserializer is None else [stored.base, *stored.patches]
            if any(cell.is_pickle for cell in cells):
                warn_of_pickle(target.endpoint, config)
        base = stored.base_value(allowed, view)
        if deserializer is None:
            return base
        return deserializer(base, stored.patch_values(allowed, view))

    def open_reader(self, ref: Target) -> pa.RecordBatchReader:
        """Reads the batches of a table one at a time, for tables larger than memory. On the
        server's host, batches are views of the object's file.

        Raises ObjectNotFound, and FlameError INVALID_REQUEST for an object that is not a table.
        Errors while batches are read are FlameErrors, too.
        """
        target = self._ref(ref)
        config = self._config_for(target.endpoint)
        return retrying(lambda: reading.open_reader(target, config), config.timeout)

    def stat(self, ref: Target) -> ObjectInfo:
        """Version, size, kind, schema and expiry of an object. Raises ObjectNotFound."""
        target = self._ref(ref)
        descriptor = flight.FlightDescriptor.for_path(target.key)
        return self._reading(
            target.endpoint,
            lambda on: object_info(on.client.get_flight_info(descriptor, on.options())),
        )

    def exists(self, ref: Target) -> bool:
        """Whether the object exists. Raises InvalidKey, Unreachable."""
        try:
            self.stat(ref)
        except ObjectNotFound:
            return False
        return True

    def list(self, key_prefix: Target = "") -> List[ObjectRef]:
        """References of all objects under `app`, `app/session` or a key; without a prefix, of all
        objects.
        """
        endpoint, name = self._named(key_prefix)

        def find(on: Connection) -> List[ObjectRef]:
            return [
                ObjectRef.decode(app_metadata_of(info))
                for info in on.client.list_flights(name.encode(), on.options())
            ]

        return self._reading(endpoint, find)

    def delete(self, key_prefix: Target) -> None:
        """Deletes an object, a session (`app/session`) or an application (`app/*`). It is not an
        error if there is nothing to delete.
        """
        endpoint, name = self._named(key_prefix)
        self._reading(endpoint, lambda on: act(on, "DELETE", name.encode()))

    def pin(self, key_prefix: Target, *, ttl_seconds: Optional[float] = None) -> None:
        """Protects an object, a session (`app/session`) or an application (`app/*`) from eviction.

        ttl_seconds: the duration of the pin; None: until `unpin`. A pinned object can still be
            deleted, and still expires.
        Raises ObjectNotFound.
        """
        endpoint, name = self._named(key_prefix)
        self._writing(
            endpoint,
            lambda on: act(on, "PIN", json_body({"key": name, "ttl_seconds": ttl_seconds})),
        )

    def unpin(self, key_prefix: Target) -> None:
        """Removes the pin with this name. It is not an error if there is none."""
        endpoint, name = self._named(key_prefix)
        self._writing(endpoint, lambda on: act(on, "UNPIN", json_body({"key": name})))

    def expire(self, key_prefix: Target, ttl_seconds: Optional[float]) -> None:
        """Sets when objects expire: an object this many seconds from now, or never (None).

        For a session (`app/session`) or an application (`app/*`), this sets a rule: each object put
        there expires this many seconds after its put. None removes the rule. Raises ObjectNotFound
        if an object does not exist.
        """
        endpoint, name = self._named(key_prefix)
        self._writing(
            endpoint,
            lambda on: act(on, "EXPIRE", json_body({"key": name, "ttl_seconds": ttl_seconds})),
        )

    def renew(self, ref: Target, *, until: Optional[datetime] = None) -> Optional[datetime]:
        """Restarts the time to live of an object from now. Never shortens it.

        until: the earliest time at which the object may expire; must have a time zone.
        Returns when the object expires, in UTC; None: never. Raises ObjectNotFound.
        """
        if until is not None and until.tzinfo is None:
            raise FlameError(
                "INVALID_REQUEST", f"renew: until must have a time zone: {until.isoformat()}"
            )
        target = self._ref(ref)
        request = renew_request(target.key, until)
        answers = self._writing(target.endpoint, lambda on: act(on, "RenewFlightEndpoint", request))
        if len(answers) != 1:
            raise FlameError("INVALID_IPC", f"renew: {len(answers)} answers instead of one")
        return end_of(answers[0])

    def upload(
        self,
        key_or_prefix: Name,
        file_path: PathOrFile,
        *,
        durability: Optional[str] = None,
        ttl_seconds: Optional[float] = None,
    ) -> ObjectRef:
        """Stores the bytes of a path or an open binary file, for `download`. Holds one MiB of them
        in memory at a time.

        Stores them under a new key of `app/session`, or under the key `app/session/name`. The
        options are those of `put`.
        Raises OSError if the file cannot be read, and then stores nothing; otherwise as `put`.
        """
        name = check_components(str(key_or_prefix), 2, 3)
        config = self._config()
        with files.opened(file_path) as file, (route := calling(config.endpoint, config)):
            descriptor = flight.FlightDescriptor.for_path(name)
            headers, rows = asking_for(durability, ttl_seconds), files.rows_of(file)
            return self._learn(config, put(route, descriptor, OPAQUE_SCHEMA, rows, headers))

    def download(self, ref: Target, dest_path: PathOrFile) -> None:
        """Writes the stored bytes of an object to a path or an open binary file.

        Creates missing parent directories of a path. Writes to a temporary file and renames it, so
        that the path has either the whole object or its previous content. The bytes of a value that
        was put include its type tag of 4 bytes.
        Raises ObjectNotFound, FlameError INVALID_REQUEST for a table and for an object with
        patches, OSError.
        """
        target = self._ref(ref)
        config = self._config_for(target.endpoint)
        stored = retrying(lambda: reading.read(target, config, config.zero_copy, keep=False), config.timeout)
        base = stored.base.payload
        if isinstance(base, pa.Table):
            raise FlameError("INVALID_REQUEST", f"{target.key} is a table: get it with get_object")
        if stored.patches:
            text = f"{target.key} has {len(stored.patches)} patches: get it with get_object"
            raise FlameError("INVALID_REQUEST", text)
        files.write(local_files.slices_of([base]), dest_path)
