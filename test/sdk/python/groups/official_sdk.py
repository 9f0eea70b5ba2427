"""The official Flame SDK beside our package and against our server; and the shim, where the SDK is
not installed.
"""

import zipfile
from pathlib import Path
import tempfile

from environments import (
    build_wheels,
    environment_without_the_official_sdk,
    official_python,
    run,
    site_packages_of,
)

STORAGES = ("files",)
CAMPAIGN = True
PROGRAM = Path(__file__).resolve().parent.parent / "official_program.py"
SNIPPET = """
from {module} import put_object, get_object, update_object, ObjectRef
my_data, new_data = {{"a": 1}}, [2]
ref = put_object("my-app", "session123", my_data)
print(f"Stored at: {{ref.endpoint}}/{{ref.key}}")
data = get_object(ref)
new_ref = update_object(ref, new_data)
assert data == my_data and get_object(ref) == new_data and isinstance(new_ref, ObjectRef)
"""


def case_keeps_its_functions_when_our_packages_are_installed(cache):
    python = official_python()
    program = "import flamepy; print(flamepy.create_session.__module__)" + SNIPPET.format(
        module="flame_object_cache"
    )
    lines = run(python, "-c", program, FLAME_CACHE_ENDPOINT=cache.endpoint).splitlines()
    assert lines[0].startswith("flamepy.") and lines[1].startswith(
        f"Stored at: {cache.endpoint}/my-app/session123/"
    )


def case_works_against_the_server_and_with_objects_of_our_client(cache):
    assert (
        run(official_python(), str(PROGRAM), FLAME_CACHE_ENDPOINT=cache.endpoint)
        == "as it should be\n"
    )


def case_writes_files_into_storage_that_the_server_serves(cache):
    env = {"FLAME_CACHE_ENDPOINT": cache.endpoint, "FLAME_CACHE_STORAGE": str(cache.storage)}
    assert run(official_python(), str(PROGRAM), **env) == "as it should be\n"


def case_has_no_file_of_ours_among_its_own(_cache):
    with tempfile.TemporaryDirectory() as directory:
        for wheel in build_wheels(directory):
            names = zipfile.ZipFile(wheel).namelist()
            assert not [
                name for name in names if name.startswith("flamepy/") or name == "flamepy.py"
            ], names


def case_is_stood_in_for_by_the_shim_where_it_is_not_installed(cache):
    with environment_without_the_official_sdk() as environment:
        program = (
            SNIPPET.format(module="flamepy")
            + """if True:
            import flame_object_cache
            from flamepy.cache import delete_objects, patch_object
            from flamepy.core import WILDCARD_SESSION, ObjectKey, download_object, upload_object
            from flamepy.core.cache import get_object as same
            assert same is get_object is flame_object_cache.get_object
            try:
                import flamepy.runner
            except ModuleNotFoundError as error:
                print(error)
        """
        )
        lines = run(
            environment / "bin" / "python", "-c", program, FLAME_CACHE_ENDPOINT=cache.endpoint
        ).splitlines()
        assert lines[0].startswith(f"Stored at: {cache.endpoint}/my-app/session123/")
        assert lines[1:] == ["No module named 'flamepy.runner'"]


def case_goes_before_the_shim_wherever_it_is_installed(_cache):
    program = """if True:
        import flamepy
        print(flamepy.name)
        try:
            import flamepy.cache
        except ModuleNotFoundError as error:
            print(error)
    """
    with (
        environment_without_the_official_sdk() as environment,
        tempfile.TemporaryDirectory() as later,
    ):
        for place, env in (
            (Path(later), {"PYTHONPATH": later}),
            (site_packages_of(environment), {}),
        ):
            (place / "flamepy").mkdir()
            (place / "flamepy" / "__init__.py").write_text(f"name = {str(place)!r}")
            lines = run(environment / "bin" / "python", "-c", program, **env).splitlines()
            assert lines == [str(place), "No module named 'flamepy.cache'"]
