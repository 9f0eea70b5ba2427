"""What a case is: a function `case_*` of a group's module, taking the cache it talks to.

`@each(table)` makes one case per entry of a dictionary and passes its value as the second argument.
"""

from types import ModuleType
from typing import Any, Callable


class Skipped(Exception):
    """Raised by a case that cannot run on this machine; the text says why."""


def needs(name: str, thing: Any) -> None:
    """Raises Skipped if pyarrow is older than this attribute of it."""
    if not hasattr(thing, name):
        raise Skipped(f"this version of pyarrow has no {name}")


def each(table: dict[str, Any]) -> Callable:
    def mark(function: Callable) -> Callable:
        function.entries = table
        return function

    return mark


def cases_of(module: ModuleType) -> list[tuple[str, Callable]]:
    """The cases of a module in the order of its text, as (name, function of the cache)."""
    found = []
    for attribute, function in vars(module).items():
        if not attribute.startswith("case_"):
            continue
        name = attribute.removeprefix("case_").replace("_", " ")
        for label, entry in getattr(function, "entries", {"": None}).items():
            if label:
                found.append((f"{name}: {label}", _with_entry(function, entry)))
            else:
                found.append((name, function))
    return found


def _with_entry(function: Callable, entry: Any) -> Callable:
    return lambda cache: function(cache, entry)
