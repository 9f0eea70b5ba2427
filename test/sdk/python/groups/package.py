"""The package as users install it: a wheel with types that needs no checkout and imports frame
libraries only on demand.
"""

import inspect
import os
import pydoc
import re
import subprocess
import sys
import tempfile
import zipfile
from email.parser import Parser
from pathlib import Path

import flame_object_cache
import mypy.api
from environments import SHIM_FOLDER, build_wheels, pip
from support.cases import each

STORAGES = ("files",)
CAMPAIGN = True
SOURCE = Path(flame_object_cache.__file__).resolve().parent.parent
def case_installs_with_its_types_and_works_as_pasted(cache):
    with tempfile.TemporaryDirectory() as directory:
        pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", directory, str(SOURCE))
        (wheel,) = Path(directory).glob("flame_object_cache-*.whl")
        names = set(zipfile.ZipFile(wheel).namelist())
        modules = {f"flame_object_cache/{path.name}" for path in (SOURCE / "flame_object_cache").iterdir() if path.is_file()}
        assert "flame_object_cache/py.typed" in names and modules <= names, names
        pip("install", "--no-deps", "--target", f"{directory}/installed", str(wheel))
        program = """if True:
            import sys
            from flame_object_cache import put_object, get_object, update_object, ObjectRef, __version__
            from importlib.metadata import version
            assert __version__ == version("flame-object-cache")
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


def case_has_a_type_where_users_need_one(_cache):
    """A type checker knows the results of users' calls and finds wrong arguments."""
    program = """
from flame_object_cache import AsyncFlameCache, FlameCache, ObjectKey, get_object, put_object, stat
with FlameCache("grpc://127.0.0.1:9090", timeout=5, token="t") as cache:
    reveal_type(cache.put("a/s", 1))
    reveal_type(cache.exists(ObjectKey.for_shared("a")))
reveal_type(put_object("a", "s", 1, ttl_seconds=5))
reveal_type(stat("a/s/o").size_bytes)
async def work(cache: AsyncFlameCache) -> None:
    reveal_type(await cache.list("a"))
put_object("a/s", 1, ttl="5")
get_object(7)
"""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "program.py")
        path.write_text(program)
        options = ["--strict", "--cache-dir", f"{directory}/cache", "--ignore-missing-imports", "--follow-imports=silent"]
        done = subprocess.run(
            [sys.executable, "-m", "mypy", *options, str(path)],
            env={**os.environ, "MYPYPATH": str(SOURCE)},
            cwd=directory,
            capture_output=True,
            text=True,
        )
    revealed = re.findall(r'Revealed type is "([^"]+)"', done.stdout)
    ref = "flame_object_cache.names.ObjectRef"
    assert [name.replace("builtins.", "") for name in revealed] == [ref, "bool", ref, "int", f"list[{ref}]"], done.stdout
    assert re.findall(r":(\d+): error: .*\[(.*)\]", done.stdout) == [("10", "call-arg"), ("11", "arg-type")], done.stdout


def case_has_help_for_everything_it_names(_cache):
    for name in sorted(set(flame_object_cache.__all__) - {"__version__", "WILDCARD_SESSION"}):
        thing = getattr(flame_object_cache, name)
        assert inspect.getdoc(thing), name
        text = pydoc.render_doc(thing, renderer=pydoc.plaintext)
        assert "object at 0x" not in text and "Concatenate" not in text, text
        members = vars(thing).items() if inspect.isclass(thing) and thing.__module__.startswith("flame_object_cache") else ()
        undocumented = [member for member, value in members if inspect.isfunction(value) and member[0] != "_" and not value.__doc__]
        assert undocumented == [], (name, undocumented)


@each({"the client": "flame_object_cache", "the shim": "flamepy_shim"})
def case_carries_its_licence_and_places_in_the_wheel_of(_cache, name):
    with tempfile.TemporaryDirectory() as directory:
        (wheel,) = [wheel for wheel in build_wheels(directory) if Path(wheel).name.startswith(name)]
        with zipfile.ZipFile(wheel) as archive:
            (path,) = [entry for entry in archive.namelist() if entry.endswith("/METADATA")]
            metadata = Parser().parsestr(archive.read(path).decode())
            licence = archive.read(path.replace("METADATA", "licenses/LICENSE"))
    assert licence == (SOURCE.parent / "LICENSE").read_bytes()
    assert metadata["License-Expression"] == "Apache-2.0" and metadata["Description-Content-Type"] == "text/markdown"
    urls = metadata.get_all("Project-URL")
    assert urls and all(re.fullmatch(r"[^,]+, https://\S+", url) for url in urls), urls


@each({"the client": SOURCE, "the shim": SHIM_FOLDER})
def case_has_a_readme_whose_links_lead_somewhere_from_anywhere(_cache, folder):
    text = (folder / "README.md").read_text()
    headings = {re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-") for line in text.splitlines() if line.startswith("#")}
    for target in re.findall(r"\]\(([^)]+)\)", text):
        assert target.startswith("https://") or (target[:1] == "#" and target[1:] in headings), target
