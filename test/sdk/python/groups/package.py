"""The package as users install it: a wheel with its types, that runs on its own and imports no frame library unasked."""

import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import flame_object_cache
import mypy.api

STORAGES = ("files",)
SOURCE = Path(flame_object_cache.__file__).resolve().parent.parent
INSTALL = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]


def _pip(*arguments: str) -> None:
    done = subprocess.run([*INSTALL, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def case_installs_with_its_types_and_works_as_pasted(cache):
    with tempfile.TemporaryDirectory() as directory:
        _pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory, str(SOURCE))
        (wheel,) = Path(directory).glob("flame_object_cache-*.whl")
        names = set(zipfile.ZipFile(wheel).namelist())
        modules = {f"flame_object_cache/{path.name}" for path in (SOURCE / "flame_object_cache").iterdir() if path.is_file()}
        assert "flame_object_cache/py.typed" in names and modules <= names, names
        _pip("install", "--no-deps", "--target", f"{directory}/installed", str(wheel))
        program = """if True:
            import sys
            from flame_object_cache import put_object, get_object, update_object, ObjectRef
            ref = put_object("my-app", "session123", {"a": 1})
            print(f"Stored at: {ref.endpoint}/{ref.key}")
            assert get_object(update_object(ref, [2])) == [2]
            assert not {"pandas", "polars"} & set(sys.modules), "imported unasked"
            print(sys.modules["flame_object_cache"].__file__)
        """
        env = {**os.environ, "PYTHONPATH": f"{directory}/installed", "FLAME_CACHE_ENDPOINT": cache.endpoint}
        run = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        assert run.stdout.startswith(f"Stored at: {cache.endpoint}/my-app/session123/") and directory in run.stdout


def case_is_typed(_cache):
    with tempfile.TemporaryDirectory() as cache_folder:
        options = ["--config-file", str(SOURCE / "pyproject.toml"), "--cache-dir", cache_folder]
        output, errors, code = mypy.api.run([*options, str(SOURCE / "flame_object_cache")])
    assert code == 0, output + errors
