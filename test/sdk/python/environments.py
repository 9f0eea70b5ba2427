"""Virtual environments that cases install into: one with the official Flame SDK, kept in
.venv-flamepy, and empty ones.

Without the SDK's packages the cases are skipped and the reason is told; with CI=true that is a
failure.
"""

import os
import subprocess
import sys
import tempfile
import venv
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Iterator, List

import flame_object_cache
from support.cases import Skipped

PYTHON_FOLDER = Path(flame_object_cache.__file__).resolve().parent.parent
SHIM_FOLDER = PYTHON_FOLDER / "flamepy-shim"
REQUIREMENTS = Path(__file__).resolve().with_name("official-requirements.txt")
OFFICIAL = PYTHON_FOLDER.parent / ".venv-flamepy"
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]


def pip(*arguments: str) -> None:
    done = subprocess.run([*PIP, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def build_wheels(directory: str) -> List[str]:
    """The wheels of the package and of the shim."""
    pip(
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        directory,
        str(PYTHON_FOLDER),
        str(SHIM_FOLDER),
    )
    return sorted(str(wheel) for wheel in Path(directory).glob("*.whl"))


def run(python: Path, *arguments: str, **env: str) -> str:
    """The output of a program that cannot import packages of the checkout."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("PYTHONPATH", "FLAME_CACHE_STORAGE")
    }
    with tempfile.TemporaryDirectory() as home:
        env = {**kept, "HOME": home, "PYTHONDONTWRITEBYTECODE": "1", **env}
        done = subprocess.run(
            [str(python), *arguments], env=env, cwd=home, capture_output=True, text=True
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


@lru_cache(maxsize=1)
def official_python() -> Path:
    """The Python that has the official SDK; our wheels are installed beside it. Raises Skipped."""
    python, stamp = OFFICIAL / "bin" / "python", OFFICIAL / "made-of"
    wanted = REQUIREMENTS.read_text()
    if not stamp.exists() or stamp.read_text() != wanted:
        venv.create(OFFICIAL, clear=True)
        try:
            pip(
                "--python",
                str(python),
                "install",
                "--quiet",
                "--only-binary=:all:",
                "-r",
                str(REQUIREMENTS),
            )
        except AssertionError as error:
            if os.environ.get("CI") == "true":
                raise
            raise Skipped(
                f"NEEDS THE OFFICIAL flamepy, AND WITHOUT IT IS NOT TESTED: {error}"
            ) from error
        stamp.write_text(wanted)
    with tempfile.TemporaryDirectory() as directory:
        pip(
            "--python",
            str(python),
            "install",
            "--quiet",
            "--no-deps",
            "--force-reinstall",
            *build_wheels(directory),
        )
    return python


@contextmanager
def environment_without_the_official_sdk() -> Iterator[Path]:
    """Our wheels, installed where what they depend on is that of this Python. Gives the folder; its
    Python is bin/python.
    """
    here = Path(flame_object_cache.config.yaml.__file__).resolve().parent.parent
    with tempfile.TemporaryDirectory() as directory:
        venv.create(directory)
        with tempfile.TemporaryDirectory() as wheels:
            pip(
                "--python",
                f"{directory}/bin/python",
                "install",
                "--quiet",
                "--no-deps",
                *build_wheels(wheels),
            )
        (site_packages_of(Path(directory)) / "dependencies.pth").write_text(f"{here}\n")
        yield Path(directory)


def site_packages_of(environment: Path) -> Path:
    (found,) = environment.glob("lib/python3*/site-packages")
    return found
