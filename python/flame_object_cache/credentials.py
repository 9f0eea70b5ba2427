"""What a client presents to its server: a token, a client certificate, or both.

A token comes from an argument, the environment, or a file that is read again when it changes. A
`Secret` keeps it out of reprs, logs and tracebacks.
"""

from __future__ import annotations

import os
import re
import stat
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Optional, Tuple

from .errors import InvalidConfig
from .security_warnings import warn_of_readers

TLS = "grpc+tls://"
# Well below the 16 KiB of headers that gRPC servers accept.
TOKEN_BYTES_MAX = 8192
_TOKEN = re.compile(rf"[\x21-\x7e]{{1,{TOKEN_BYTES_MAX}}}")
# A file that changed this recently may change again without a new modification time.
_SETTLED_SECONDS = 1.0


class Secret:
    """Text that no repr shows. Two are equal if their texts are."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "<hidden>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> Any:
        raise TypeError("a secret cannot be pickled")


def hidden(token: Any) -> Optional[Secret]:
    """The token as a Secret, if there is one."""
    return token if token is None or isinstance(token, Secret) else Secret(token)


def check_token(secret: Secret, key: str, source: str) -> Secret:
    """Raises InvalidConfig, without the token."""
    if isinstance(secret.reveal(), str) and _TOKEN.fullmatch(secret.reveal()):
        return secret
    text = f"{key} must be 1 to {TOKEN_BYTES_MAX} visible ASCII characters ({source})"
    raise InvalidConfig("INVALID_CONFIG", text)


def bearer(token: Secret) -> Tuple[bytes, bytes]:
    """The header that carries the token (RFC 6750)."""
    return b"authorization", b"Bearer " + token.reveal().encode()


@dataclass(frozen=True)
class Credentials:
    """The paths are absolute. A token takes precedence over a token file."""

    token: Optional[Secret] = None
    token_file: Optional[str] = None
    cert_file: Optional[str] = None
    key_file: Optional[str] = None

    @property
    def has_token(self) -> bool:
        return self.token is not None or self.token_file is not None

    def current_token(self) -> Optional[Secret]:
        """The token for the next call. Raises InvalidConfig if the file never had one."""
        if self.token is not None or self.token_file is None:
            return self.token
        return _token_file(self.token_file).current()

    def certificate(self) -> Tuple[Optional[bytes], Optional[bytes]]:
        """Certificate and key, PEM; None without a client certificate. Raises InvalidConfig."""
        if self.cert_file is None and self.key_file is None:
            return None, None
        if self.cert_file is None or self.key_file is None:
            missing = "cert" if self.cert_file is None else "key"
            raise InvalidConfig("INVALID_CONFIG", f"cache.client_{missing}_file must be set as well")
        cert = _read_pem("cache.client_cert_file", self.cert_file)
        key = _read_pem("cache.client_key_file", self.key_file)
        _check_pair(self.cert_file, self.key_file)
        warn_of_readers(self.key_file)
        return cert, key

    def tls_options(self, endpoint: str, ca_file: Optional[str]) -> Dict[str, Any]:
        """Arguments of pyarrow's client. Raises InvalidConfig."""
        if not endpoint.startswith(TLS):
            return {}
        roots = None if ca_file is None else _read_file("cache.tls.ca_file", ca_file)
        cert, key = self.certificate()
        return {"tls_root_certs": roots, "cert_chain": cert, "private_key": key}

    def over(self, other: Credentials) -> Credentials:
        """These, completed by those of a source of lower precedence."""
        named = self if self.has_token else other
        both = Credentials(
            named.token,
            None if named.token is not None else named.token_file,
            self.cert_file or other.cert_file,
            self.key_file or other.key_file,
        )
        return NO_CREDENTIALS if both == NO_CREDENTIALS else both


NO_CREDENTIALS = Credentials()


@dataclass(frozen=True)
class CredentialSources:
    """What environment and flame.yaml name."""

    environment: Credentials = NO_CREDENTIALS
    file: Credentials = NO_CREDENTIALS
    # The endpoint in flame.yaml; None: `file` applies to every endpoint.
    file_endpoint: Optional[str] = None

    def of(self, endpoint: str, given: Credentials = NO_CREDENTIALS) -> Credentials:
        """The credentials for the configured endpoint. Those in flame.yaml belong to the endpoint
        in flame.yaml, so that no other server learns the token.
        """
        is_of_file = self.file_endpoint is None or self.file_endpoint == endpoint
        named = given.over(self.environment)
        return named.over(self.file) if is_of_file else named


def _read_file(key: str, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InvalidConfig("INVALID_CONFIG", f"{key} cannot be read: {error}") from error


def _read_pem(key: str, path: str) -> bytes:
    text = _read_file(key, path)
    if b"-----BEGIN " not in text:
        raise InvalidConfig("INVALID_CONFIG", f"{key} must be PEM: {path}")
    return text


def _check_pair(cert_file: str, key_file: str) -> None:
    import ssl  # slow to import, and rarely needed

    try:
        # Without the password, OpenSSL would ask for it on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(cert_file, key_file, lambda: b"")
    except (OSError, ValueError) as error:
        text = (
            "cache.client_cert_file and cache.client_key_file must be a certificate and its key "
            f"without a passphrase: {error} ({cert_file}, {key_file})"
        )
        raise InvalidConfig("INVALID_CONFIG", text) from error


class _TokenFile:
    """The token in a file. While the file is missing, empty or wrong, the last good token is used:
    a rotation may leave such a gap.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._token: Optional[Secret] = None
        self._stamp: Optional[Tuple[int, ...]] = None
        # A pipe can be read only once.
        self._is_final = False

    def current(self) -> Secret:
        with self._lock:
            token = self._token
            if token is not None and (self._is_final or self._is_unchanged()):
                return token
            try:
                return self._load()
            except (OSError, InvalidConfig) as error:
                if token is not None:
                    return token
                if isinstance(error, InvalidConfig):
                    raise
                text = f"cache.token_file cannot be read: {error}"
                raise InvalidConfig("INVALID_CONFIG", text) from error

    def _is_unchanged(self) -> bool:
        try:
            return self._stamp is not None and self._stamp == _stamp(os.stat(self._path))
        except OSError:
            return True

    def _load(self) -> Secret:
        with open(self._path, "rb") as file:
            status = os.fstat(file.fileno())
            read = Secret(file.read(TOKEN_BYTES_MAX + 2).decode("latin-1").strip())
        token = check_token(read, "cache.token_file: a token", self._path)
        warn_of_readers(self._path)
        is_settled = time.time() - status.st_mtime > _SETTLED_SECONDS
        self._token, self._stamp = token, _stamp(status) if is_settled else None
        self._is_final = not stat.S_ISREG(status.st_mode)
        return token


def _stamp(status: os.stat_result) -> Tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


@lru_cache(maxsize=64)
def _token_file(path: str) -> _TokenFile:
    return _TokenFile(path)
