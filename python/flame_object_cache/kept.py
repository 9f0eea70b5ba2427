"""Keeps the objects that gets received for the next get of the same object.

Each get still asks the server what has changed (docs/protocol.md, "Gets that keep what they got").
A kept object is returned only after the server has confirmed that it is current. Values are kept as
received, and decoded if the decoded form can be returned again. Each caller gets its own copy of
everything that a caller can change. The store is safe for threads, bounded in bytes, and drops the
least recently used object first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any, Callable, Hashable, List, Optional, Set, Union, cast

import pyarrow as pa

from . import values

Payload = Union[pa.Table, pa.Buffer]
Maker = Callable[[], Any]
# A value with more than one container per this many bytes is decoded again, which is cheaper than
# copying it.
_BYTES_OF_CONTAINER = 64
_SCALARS = (str, bytes, int, float, bool, type(None))
_SHARED = (*_SCALARS, pa.Table, pa.RecordBatch, pa.ChunkedArray)


class Cell:
    """A base or a patch as received, and `make`, which returns its value for one more caller."""

    __slots__ = ("payload", "is_pickle", "cost", "make", "_times_decoded", "_containers_max")

    def __init__(self, payload: Payload) -> None:
        self.payload = payload
        self.is_pickle = values.is_pickle(payload)
        # Table.nbytes crashes pyarrow for a union received without rows, and fails for views.
        size = int(payload.get_total_buffer_size() if isinstance(payload, pa.Table) else payload.size)
        # An upper bound in bytes that includes the decoded value: Python objects take up to four
        # times the bytes of their text.
        self.cost = 512 + size * (1 if values.is_view(payload) else 5)
        self._containers_max = 8 + size // _BYTES_OF_CONTAINER
        self._times_decoded = 0
        self.make: Optional[Maker] = None

    def value(self, allow_pickle: bool, view: bool) -> Any:
        """Raises UnreadableValue, PickleRefused."""
        if self.make is not None and not view and (allow_pickle or not self.is_pickle):
            return self.make()
        return values.decode_value(self.payload, allow_pickle=allow_pickle, view=view)

    def decoded(self, allow_pickle: bool, view: bool) -> Any:
        """As `value`, for a kept cell. The first or second call sets `make`, if possible."""
        value = self.value(allow_pickle, view)
        if self.make is not None or view or self._times_decoded > 1:
            return value
        self._times_decoded += 1
        self.make = make = maker_of(value, self._containers_max if self._times_decoded > 1 else 0)
        return value if make is None else make()


def maker_of(value: Any, containers_max: int) -> Optional[Maker]:
    """A function that returns the value for each caller and isolates callers from each other's
    changes; None if the value must be decoded again for each caller.
    """
    if type(value) in _SHARED or isinstance(value, pa.Array):
        return lambda: value
    if type(value).__module__ == "numpy" and not value.flags.writeable and type(value).__name__ == "ndarray":
        # A caller can set the shape of even a read-only array, so each caller gets a view.
        return cast(Maker, value.view) if value.dtype.kind in "iuf" else None
    return _copier(value, set(), containers_max)


def _copier(value: Any, seen: Set[int], containers_max: int) -> Optional[Maker]:
    """A function that copies nested lists and dicts of scalars; None for other values, and for
    values with too many containers or with one container twice.
    """
    if type(value) not in (list, dict) or id(value) in seen or len(seen) >= containers_max:
        return None
    seen.add(id(value))
    is_dict = type(value) is dict
    if is_dict and not set(map(type, value)).issubset(_SCALARS):
        return None
    if set(map(type, value.values() if is_dict else value)).issubset(_SCALARS):
        return cast(Maker, value.copy)
    copiers = []
    for name, item in value.items() if is_dict else enumerate(value):
        if type(item) not in _SCALARS:
            copier = _copier(item, seen, containers_max)
            if copier is None:
                return None
            copiers.append((name, copier))

    def copy() -> Any:
        made = value.copy()
        for name, copier in copiers:
            made[name] = copier()
        return made

    return copy


@dataclass
class Stored:
    """An object as the server sent it. Its lists are replaced, never changed."""

    base: Cell
    patches: List[Cell]
    version: int = 0
    # The run of the server that counts this version; the version of an unknown run says nothing.
    instance: bytes = b""
    is_kept: bool = False
    # False if neither the base nor a patch is a pickle.
    has_pickle: bool = True
    # The cost of the base and of the first `known_patches` patches.
    known_cost: int = 0
    known_patches: int = 0
    # `make` of the first patches. A poll of hundreds of patches spends most of its time in them.
    makers: List[Maker] = field(default_factory=list)

    def base_value(self, allow_pickle: bool, view: bool) -> Any:
        """The base for one more caller. Raises UnreadableValue, PickleRefused."""
        decode = self.base.decoded if self.is_kept else self.base.value
        return decode(allow_pickle, view)

    def patch_values(self, allow_pickle: bool, view: bool) -> List[Any]:
        """The patches for one more caller, oldest first. Raises UnreadableValue, PickleRefused."""
        decode = Cell.decoded if self.is_kept else Cell.value
        if view or not allow_pickle:
            return [decode(cell, allow_pickle, view) for cell in self.patches]
        makers = self.makers
        made = [make() for make in makers]
        if len(made) == len(self.patches):
            return made
        others = self.patches[len(made) :]
        made += [decode(cell, True, False) for cell in others]
        if self.is_kept:
            more = list(takewhile(lambda make: make is not None, (cell.make for cell in others)))
            self.makers = [*makers, *cast(List[Maker], more)]
        return made


class KeptObjects:
    """Kept objects by place: a key that identifies the object and the form in which it was read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: "OrderedDict[Hashable, Stored]" = OrderedDict()
        self._cost = 0

    def find(self, place: Hashable) -> Optional[Stored]:
        with self._lock:
            found = self._objects.get(place)
            if found is None:
                return None
            self._objects.move_to_end(place)
            return found

    def keep(self, place: Hashable, stored: Stored, bytes_max: int) -> Stored:
        """Replaces the object at this place. Does not keep an object that is larger than
        `bytes_max` or has no instance.
        """
        new = stored.patches[stored.known_patches :] if stored.known_cost else [stored.base, *stored.patches]
        cost = stored.known_cost + sum(cell.cost for cell in new)
        has_pickle = any(cell.is_pickle for cell in new) or bool(stored.known_cost and stored.has_pickle)
        is_kept = bool(stored.instance) and cost <= bytes_max
        stored = replace(
            stored,
            is_kept=is_kept,
            has_pickle=has_pickle,
            known_cost=cost,
            known_patches=len(stored.patches),
        )
        with self._lock:
            self._forget(place)
            if is_kept:
                self._objects[place] = stored
                self._cost += cost
                while self._cost > bytes_max:
                    self._forget(next(iter(self._objects)))
        return stored

    def forget(self, place: Hashable) -> None:
        with self._lock:
            self._forget(place)

    def _forget(self, place: Hashable) -> None:
        stored = self._objects.pop(place, None)
        if stored is not None:
            self._cost -= stored.known_cost


kept_objects = KeptObjects()
