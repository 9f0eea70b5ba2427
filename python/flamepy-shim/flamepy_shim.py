"""Lets `from flamepy import put_object, get_object, update_object, ObjectRef` run where the
official Flame SDK is not installed.

There is no directory `flamepy` here. flamepy_shim.pth puts a finder at the end of `sys.meta_path`
when Python starts: it is asked for `flamepy` only after everything that is installed, so an
official SDK, installed earlier or later, is what is imported.
"""

import sys
from importlib.machinery import ModuleSpec

# Modules of the official SDK that have its cache, and whether each is a package. All have the names
# of flame_object_cache.
MODULES = {
    "flamepy": True,
    "flamepy.cache": False,
    "flamepy.core": True,
    "flamepy.core.cache": False,
}


class LastFinder:
    """Finder and loader of those modules."""

    def find_spec(self, name, path=None, target=None):
        top = sys.modules.get("flamepy")
        # Nothing is added below a flamepy that is not ours.
        if name not in MODULES or (
            top is not None and getattr(top.__spec__, "loader", None) is not self
        ):
            return None
        # A loader by its methods: importing the class of loaders would slow every start of Python.
        is_package = MODULES[name]
        return ModuleSpec(name, self, origin="flamepy-shim", is_package=is_package)  # type: ignore

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        import flame_object_cache

        names = [name for name in flame_object_cache.__all__ if not name.startswith("_")]
        module.__dict__.update(
            {name: getattr(flame_object_cache, name) for name in names}, __all__=names
        )


def install():
    if not any(isinstance(finder, LastFinder) for finder in sys.meta_path):
        sys.meta_path.append(LastFinder())
