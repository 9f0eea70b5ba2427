"""Certificates for 127.0.0.1, made by openssl when a case asks for them."""

import subprocess
from pathlib import Path
from typing import Tuple


def certificate(directory: str, name: str) -> Tuple[str, str]:
    """Paths of a self-signed certificate and its key."""
    cert, key = (str(Path(directory, f"{name}.{ending}")) for ending in ("pem", "key"))
    form = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    names = ["-subj", f"/CN={name}", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"]
    command = ["openssl", "req", "-x509", *form, *names, "-keyout", key, "-out", cert]
    subprocess.run(command, check=True, capture_output=True)
    Path(key).chmod(0o600)
    return cert, key
