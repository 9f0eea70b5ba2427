"""Lets `from flamepy import put_object, get_object, update_object, ObjectRef` run where the
official Flame SDK is not installed.

This package has no directory `flamepy`. When Python starts, flamepy_shim.pth adds a finder to the
end of `sys.meta_path`. Python asks this finder last. So it imports an official SDK instead, if one
is installed before or after the shim.
"""

import sys
from importlib.machinery import ModuleSpec

# Modules of the official SDK with the cache functions, and whether each is a package. Here, each
# has all names of flame_object_cache.
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
        # A flamepy from another package gets no modules of this one.
        if name not in MODULES or (
            top is not None and getattr(top.__spec__, "loader", None) is not self
        ):
            return None
        # Not a subclass of importlib's Loader: its import would slow every start of Python.
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
