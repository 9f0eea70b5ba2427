"""Settings of the client. Arguments override the environment, which overrides flame.yaml
(docs/configuration.md, "Clients").

flame.yaml is searched for in FLAME_HOME, then in `~/.flame`. Both generations of the file are read:
`clusters` with `current-cluster`, `contexts` with `current-context`. An empty variable counts as
unset.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Dict, Mapping, Optional, Tuple

import yaml

from .credentials import NO_CREDENTIALS, TLS, Credentials, CredentialSources, Secret, check_token
from .errors import InvalidConfig

if TYPE_CHECKING:
    from .connection import Pool

DEFAULT_PORT = 9090
DEFAULT_ENDPOINT = f"grpc://127.0.0.1:{DEFAULT_PORT}"
_ENDPOINT = re.compile(r"(grpc|grpcs|grpc\+tls|grpc\+tcp)://(\[[^\]]*\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]*))(?::(\d{1,5}))?/?", re.I)
# One year. A longer timeout overflows in gRPC.
TIMEOUT_SECONDS_MAX = 31_536_000
# Threads of an AsyncFlameCache; each may hold a value of any size.
THREADS_MAX = 256
_VARIABLES = {
    "endpoint": "FLAME_CACHE_ENDPOINT",
    "storage": "FLAME_CACHE_STORAGE",
    "ca_file": "FLAME_CA_FILE",
    "token": "FLAME_CACHE_TOKEN",
    "token_file": "FLAME_CACHE_TOKEN_FILE",
    "client_cert_file": "FLAME_CACHE_CLIENT_CERT",
    "client_key_file": "FLAME_CACHE_CLIENT_KEY",
    "allow_pickle": "FLAME_ALLOW_PICKLE",
    "warn_pickle": "FLAME_WARN_PICKLE",
    "zero_copy": "FLAME_ZERO_COPY",
    "validate": "FLAME_VALIDATE",
    "legacy": "FLAME_LEGACY_VALUES",
    "kept_bytes": "FLAME_KEPT_BYTES",
}
_KEYS = {**{name: f"cache.{name}" for name in _VARIABLES}, "ca_file": "cache.tls.ca_file", "legacy": "cache.legacy_values"}
_CREDENTIALS = ("token", "token_file", "client_cert_file", "client_key_file")
_PATHS = ("storage", "ca_file", *_CREDENTIALS[1:])
_SWITCH = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}


@dataclass(frozen=True)
class Config:
    endpoint: str = DEFAULT_ENDPOINT
    # The storage directory, if this client shares it with the server.
    storage: Optional[str] = None
    ca_file: Optional[str] = None
    allow_pickle: bool = True
    zero_copy: bool = True
    # Write only what clients of generation 2 read.
    legacy: bool = False
    # Warn before a pickle from a server on another host is read.
    warn_pickle: bool = True
    # Validate a table that the server may not have validated, before it is returned.
    validate: bool = True
    # Those for `endpoint`.
    credentials: Credentials = NO_CREDENTIALS
    credential_sources: CredentialSources = field(default=CredentialSources(), repr=False, compare=False)
    # The next two are set only by the arguments of a client object. Seconds for one whole call;
    # None: no limit.
    timeout: Optional[float] = None
    pool: Optional[Pool] = field(default=None, repr=False, compare=False)
    # Bytes of received objects that this process keeps for the next get; 0 keeps nothing.
    kept_bytes: int = 256 << 20


# Each call reads the environment. `os.environ` raises and catches an exception for each unset
# variable, so the dict inside it is read instead, if it exists.
_RAW: Any = getattr(os.environ, "_data", None)
_READ: Any = os.environ.get if _RAW is None else _RAW.get
_NAMES = tuple(
    name if _RAW is None else os.environ.encodekey(name)
    for name in (*_VARIABLES.values(), "FLAME_HOME", "HOME")
)


def current_config() -> Config:
    """The settings of the process. The file is read once for each state of the environment."""
    return _load_once(tuple(map(_READ, _NAMES)))


def given_credentials(
    token: Optional[Secret], token_file: Optional[str], cert_file: Optional[str], key_file: Optional[str]
) -> Credentials:
    """The credentials in arguments. Raises InvalidConfig."""
    if token is not None:
        token, token_file = check_token(token, "token", "argument"), None
    return Credentials(token, _full_path(token_file), _full_path(cert_file), _full_path(key_file))


def _full_path(path: Optional[str]) -> Optional[str]:
    return None if path is None else os.path.abspath(os.path.expanduser(path))


def client_config(
    endpoint: Optional[str],
    timeout: Optional[float],
    ca_file: Optional[str],
    allow_pickle: Optional[bool],
    given: Credentials = NO_CREDENTIALS,
) -> Config:
    """The settings of a client object: its arguments override those of the process. Reads the files
    of its credentials.

    Raises InvalidConfig.
    """
    chosen: Dict[str, Any] = {}
    if endpoint is not None:
        chosen["endpoint"] = check_endpoint(str(endpoint).strip())
    if timeout is not None:
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout <= TIMEOUT_SECONDS_MAX:
            raise _wrong("timeout", f"must be a number of seconds, over 0 and at most {TIMEOUT_SECONDS_MAX}", timeout, "argument")
        chosen["timeout"] = float(timeout)
    if ca_file is not None:
        chosen["ca_file"] = _full_path(ca_file)
    if allow_pickle is not None:
        chosen["allow_pickle"] = bool(allow_pickle)
    config = replace(current_config(), **chosen)
    credentials = config.credential_sources.of(config.endpoint, given)
    credentials.current_token()
    if config.endpoint.startswith(TLS):
        credentials.certificate()
    return replace(config, credentials=credentials)


def check_threads(threads: int) -> int:
    """Raises InvalidConfig."""
    if isinstance(threads, bool) or not isinstance(threads, int) or not 1 <= threads <= THREADS_MAX:
        raise _wrong("threads", f"must be 1 to {THREADS_MAX}", threads, "argument")
    return threads


@lru_cache(maxsize=16)
def _load_once(_environment: Tuple[Any, ...]) -> Config:
    return load_config(os.environ)


def load_config(env: Mapping[str, str]) -> Config:
    """Raises InvalidConfig naming key, value and source."""
    user_home = _variable(env, "HOME") or os.path.expanduser("~")
    home = os.path.abspath(_variable(env, "FLAME_HOME") or os.path.join(user_home, ".flame"))
    candidates = (os.path.join(home, "flame.yaml"), os.path.join(user_home, ".flame", "flame.yaml"))
    file = next((path for path in candidates if os.path.exists(path)), None)
    in_file = {} if file is None else _read_file(file)
    in_environment = {name: env[key] for name, key in _VARIABLES.items() if _variable(env, key)}

    def read(name: str, value: Any, source: str) -> Any:
        # A relative PEM file starts at the directory of its source, relative storage at FLAME_HOME.
        beside = os.path.dirname(source) if source == file else os.getcwd()
        return _read(name, value, source, user_home, home if name == "storage" else beside)

    def settings(values: Dict[str, Any], source: Optional[str]) -> Dict[str, Any]:
        return {name: read(name, value, source or _VARIABLES[name]) for name, value in values.items()}

    def credentials(values: Dict[str, Any], source: Optional[str]) -> Credentials:
        named = settings({name: values.pop(name) for name in _CREDENTIALS if name in values}, source)
        return Credentials(*(named.get(name) for name in _CREDENTIALS)).over(NO_CREDENTIALS)

    sources = CredentialSources(
        credentials(in_environment, None),
        credentials(in_file, file),
        _normal_endpoint(in_file.get("endpoint")),
    )
    not_overridden = {name: value for name, value in in_file.items() if name not in in_environment}
    config = Config(**settings(not_overridden, file), **settings(in_environment, None))
    return replace(config, credentials=sources.of(config.endpoint), credential_sources=sources)


def _normal_endpoint(value: Any) -> Optional[str]:
    """A wrong endpoint is reported if it is dialled. As it is, it equals no other endpoint."""
    if value is None:
        return None
    try:
        return check_endpoint(str(value).strip())
    except InvalidConfig:
        return str(value)


def _variable(env: Mapping[str, str], name: str) -> str:
    return env.get(name, "").strip()


def _read_file(path: str) -> Dict[str, Any]:
    """The raw values of the current cluster or context."""
    try:
        with open(path, encoding="utf-8") as file:
            root = yaml.safe_load(file)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidConfig("INVALID_CONFIG", f"{path} cannot be read: {error}") from error
    root = _mapping("the file", root, path)
    kind, current = ("contexts", "current-context") if root.get("contexts") else ("clusters", "current-cluster")
    entries = root.get(kind) or []
    if not isinstance(entries, list):
        raise _wrong(kind, "must be a list", entries, path)
    named = {_mapping(kind, entry, path).get("name"): entry for entry in entries}
    name = root.get(current)
    if name is None and len(entries) > 1:
        raise _wrong(current, f"must name one of {', '.join(map(str, named))}", name, path)
    if name is not None and name not in named:
        raise _wrong(current, f"must be one of {', '.join(map(str, named)) or 'the entries'}", name, path)
    entry = {} if not entries else entries[0] if name is None else named[name]
    cache = entry.get("cache")
    if isinstance(cache, str):
        cache = {"endpoint": cache}
    cache = _mapping(f"{kind}[].cache", cache, path)
    values = {**cache, "ca_file": _mapping("cache.tls", cache.get("tls"), path).get("ca_file")}
    values["legacy"] = values.get("legacy_values")
    # There is no key for the token itself: the file is often readable by others.
    return {name: values[name] for name in _VARIABLES if name != "token" and values.get(name) is not None}


def _mapping(key: str, value: Any, source: str) -> Dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise _wrong(key, "must be a mapping", value, source)
    return value or {}


def _read(name: str, value: Any, source: str, user_home: str, directory: str) -> Any:
    text = str(value).strip()
    if name == "endpoint":
        return check_endpoint(text, source)
    if name == "token":
        secret = Secret(text)
        del text, value
        return check_token(secret, "cache.token", source)
    if name in _PATHS:
        if name == "storage" and text.lower() == "none":
            return None
        if name == "storage" and re.fullmatch(r"(?i)s3://[a-z0-9][a-z0-9._=@/-]+", text):
            return None  # A bucket has no files that a client could map.
        scheme, separator, path = text.partition("://") if name == "storage" else ("", "", text)
        path = path if separator else text
        if (separator and scheme.lower() not in ("fs", "file")) or not path or "\0" in path:
            raise _wrong(_KEYS[name], "must be none, a path, fs://PATH, file://PATH or s3://BUCKET/PREFIX", value, source)
        path = user_home + path[1:] if path == "~" or path.startswith("~/") else path
        return os.path.abspath(os.path.join(directory, path))
    if name == "kept_bytes":
        if not re.fullmatch(r"[0-9]{1,15}", text):
            raise _wrong(_KEYS[name], "must be a number of bytes", value, source)
        return int(text)
    if text.lower() not in _SWITCH:
        raise _wrong(_KEYS[name], "must be true or false", value, source)
    return _SWITCH[text.lower()]


@lru_cache(maxsize=256)
def check_endpoint(text: str, source: str = "endpoint") -> str:
    """The endpoint with the scheme that pyarrow expects, and with a port. Raises InvalidConfig."""
    match = _ENDPOINT.fullmatch(text)
    if match is None or int(match[3] or 0) > 65535:
        raise _wrong("cache.endpoint", "must be grpc://HOST:PORT, or grpcs://HOST:PORT for TLS", text, source)
    scheme = "grpc" if match[1].lower() in ("grpc", "grpc+tcp") else "grpc+tls"
    return f"{scheme}://{match[2]}:{match[3] or DEFAULT_PORT}"


def _wrong(key: str, reason: str, value: Any, source: str) -> InvalidConfig:
    return InvalidConfig("INVALID_CONFIG", f"{key} {reason}: got {value!r:.200} ({source})")
