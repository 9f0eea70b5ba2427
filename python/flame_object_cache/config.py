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

from .errors import InvalidConfig

if TYPE_CHECKING:
    from .connection import Pool

DEFAULT_PORT = 9090
DEFAULT_ENDPOINT = f"grpc://127.0.0.1:{DEFAULT_PORT}"
_ENDPOINT = re.compile(r"(grpc|grpcs|grpc\+tls|grpc\+tcp)://(\[[^\]]*\]|[A-Za-z0-9_](?:[A-Za-z0-9._-]*))(?::(\d{1,5}))?/?", re.I)
# One year. A longer timeout overflows in gRPC.
TIMEOUT_SECONDS_MAX = 31_536_000
# Well below the 16 KiB of headers that gRPC servers accept.
TOKEN_BYTES_MAX = 8192
_TOKEN = re.compile(rf"[\x21-\x7e]{{1,{TOKEN_BYTES_MAX}}}")
# Threads of an AsyncFlameCache; each may hold a value of any size.
THREADS_MAX = 256
_VARIABLES = {
    "endpoint": "FLAME_CACHE_ENDPOINT",
    "storage": "FLAME_CACHE_STORAGE",
    "ca_file": "FLAME_CA_FILE",
    "allow_pickle": "FLAME_ALLOW_PICKLE",
    "warn_pickle": "FLAME_WARN_PICKLE",
    "zero_copy": "FLAME_ZERO_COPY",
    "validate": "FLAME_VALIDATE",
    "legacy": "FLAME_LEGACY_VALUES",
    "kept_bytes": "FLAME_KEPT_BYTES",
}
_KEYS = {**{name: f"cache.{name}" for name in _VARIABLES}, "ca_file": "cache.tls.ca_file", "legacy": "cache.legacy_values"}
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
    # The next three are set only by the arguments of a client object. Seconds for one whole call;
    # None: no limit.
    timeout: Optional[float] = None
    token: Optional[str] = field(default=None, repr=False)
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


def client_config(
    endpoint: Optional[str],
    timeout: Optional[float],
    token: Optional[str],
    ca_file: Optional[str],
    allow_pickle: Optional[bool],
) -> Config:
    """The settings of a client object: its arguments override those of the process.

    Raises InvalidConfig.
    """
    chosen: Dict[str, Any] = {}
    if endpoint is not None:
        chosen["endpoint"] = check_endpoint(str(endpoint).strip())
    if timeout is not None:
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout <= TIMEOUT_SECONDS_MAX:
            raise _wrong("timeout", f"must be a number of seconds, over 0 and at most {TIMEOUT_SECONDS_MAX}", timeout, "argument")
        chosen["timeout"] = float(timeout)
    if token is not None:
        if not isinstance(token, str) or not _TOKEN.fullmatch(token):
            # No error text contains the token.
            raise InvalidConfig("INVALID_CONFIG", f"token must be 1 to {TOKEN_BYTES_MAX} visible ASCII characters (argument)")
        chosen["token"] = token
    if ca_file is not None:
        chosen["ca_file"] = os.path.abspath(os.path.expanduser(ca_file))
    if allow_pickle is not None:
        chosen["allow_pickle"] = bool(allow_pickle)
    return replace(current_config(), **chosen)


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
    found: Dict[str, Tuple[Any, str]] = {}
    if file is not None:
        found.update({name: (value, file) for name, value in _read_file(file).items()})
    found.update({name: (env[key], key) for name, key in _VARIABLES.items() if _variable(env, key)})
    chosen: Dict[str, Any] = {}
    for name, (value, source) in found.items():
        # A relative CA file starts at the directory of its source, relative storage at FLAME_HOME.
        beside = os.path.dirname(source) if source == file else os.getcwd()
        chosen[name] = _read(name, value, source, user_home, home if name == "storage" else beside)
    return Config(**chosen)


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
    return {name: values[name] for name in _VARIABLES if values.get(name) is not None}


def _mapping(key: str, value: Any, source: str) -> Dict[str, Any]:
    if value is not None and not isinstance(value, dict):
        raise _wrong(key, "must be a mapping", value, source)
    return value or {}


def _read(name: str, value: Any, source: str, user_home: str, directory: str) -> Any:
    text = str(value).strip()
    if name == "endpoint":
        return check_endpoint(text, source)
    if name in ("storage", "ca_file"):
        if name == "storage" and text.lower() == "none":
            return None
        scheme, separator, path = text.partition("://") if name == "storage" else ("", "", text)
        path = path if separator else text
        if (separator and scheme.lower() not in ("fs", "file")) or not path or "\0" in path:
            raise _wrong(_KEYS[name], "must be none, a path, fs://PATH or file://PATH", value, source)
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
