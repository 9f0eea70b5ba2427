"""The base of a client's methods: its settings and connections, the endpoints that may get its
credentials, and its end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, List, Optional, Set, Tuple, TypeVar, Union

import pyarrow as pa
import pyarrow.flight as flight

from . import values
from .config import Config, check_endpoint
from .connection import Connection, Header, Pool, calling, retrying
from .credentials import NO_CREDENTIALS, TLS
from .names import ObjectKey, ObjectRef, check_components
from .patches import check_patch
from .puts import OPAQUE_SCHEMA, opaque_rows, put, table_batches

T = TypeVar("T")
Target = Union[str, ObjectKey, ObjectRef]
# At most this many endpoints that a server names as its own get the credentials.
OWN_ENDPOINTS_MAX = 16
# Pairs of a configured endpoint and one that its server named.
OwnEndpoints = Set[Tuple[str, str]]


class Caller:
    """Settings and connections of one client."""

    def __init__(self, settings: Config) -> None:
        self._pool = Pool()
        self._settings = replace(settings, pool=self._pool)
        self._own_endpoints: OwnEndpoints = set()

    @property
    def endpoint(self) -> str:
        """The configured endpoint, `grpc://HOST:PORT` or `grpc+tls://HOST:PORT`."""
        return self._config().endpoint

    def __repr__(self) -> str:
        # A traceback may show a client whose settings were refused.
        endpoint = self.endpoint if "_pool" in vars(self) else None
        return f"{type(self).__name__}({endpoint!r})"

    def close(self) -> None:
        """Closes the client: later calls raise FlameError CANCELLED. Calls in progress in other
        threads continue.
        """
        self._pool.close()

    def _check_open(self) -> None:
        """Raises FlameError CANCELLED if the client was closed."""
        self._pool.check_open()

    def _config(self) -> Config:
        return self._settings

    def _config_for(self, endpoint: str) -> Config:
        """The settings for a call to a reference's endpoint. Other caches do not get the credentials:
        the author of a reference must not learn the token.
        """
        config = self._config()
        if config.credentials is NO_CREDENTIALS:
            return config
        named = check_endpoint(endpoint)
        if named == config.endpoint or (config.endpoint, named) in self._own_endpoints:
            return config
        if named in self._pool.replicas(config.endpoint, config.endpoint):
            return config
        return replace(config, credentials=NO_CREDENTIALS)

    def _learn(self, config: Config, ref: ObjectRef) -> ObjectRef:
        """Notes the endpoint in an answer as the server's own, if the call sent the credentials. A
        server with TLS cannot direct them to an endpoint without TLS.
        """
        if config.credentials is not NO_CREDENTIALS and len(self._own_endpoints) < OWN_ENDPOINTS_MAX:
            named = check_endpoint(ref.endpoint)
            if named.startswith(TLS) or not config.endpoint.startswith(TLS):
                self._own_endpoints.add((config.endpoint, named))
        return ref

    def _ref(self, target: Target) -> ObjectRef:
        if isinstance(target, ObjectRef):
            check_components(target.key, 3)
            return target
        return ObjectRef(self._config().endpoint, check_components(str(target), 3))

    def _named(self, target: Target) -> Tuple[str, str]:
        """Endpoint and name of an object, a session or an application."""
        if isinstance(target, ObjectRef):
            return target.endpoint, target.key
        return self._config().endpoint, str(target)

    def _encoded(self, value: Any, legacy: Optional[bool]) -> values.Encoded:
        return values.encode(value, legacy=self._config().legacy if legacy is None else legacy)

    def _put(
        self,
        endpoint: str,
        descriptor: flight.FlightDescriptor,
        encoded: values.Encoded,
        headers: List[Header],
    ) -> ObjectRef:
        config = self._config_for(endpoint)
        route = calling(endpoint, config)
        with route as connection:
            if isinstance(encoded, list):
                ref = put(route, descriptor, OPAQUE_SCHEMA, opaque_rows(encoded), headers)
            else:
                if isinstance(encoded, pa.Table):
                    check_patch(connection, descriptor, encoded)
                ref = put(route, descriptor, encoded.schema, table_batches(encoded), headers)
        return self._learn(config, ref)

    def _writing(self, endpoint: str, call: Callable[[Connection], T]) -> T:
        with calling(endpoint, self._config_for(endpoint)) as connection:
            return call(connection)

    def _reading(self, endpoint: str, call: Callable[[Connection], T]) -> T:
        return retrying(lambda: self._writing(endpoint, call), self._config().timeout)
