"""JSON as the cache stores it: decides which values are JSON, and encodes and decodes them.

Only values that every reader gets back unchanged are JSON: lists, dicts with text keys, text,
finite floats, integers up to 2^53 - 1, bools and None, of exactly these types and at most
JSON_DEPTH_MAX deep. The text is byte for byte that of Python's `json` module; orjson writes and
reads it, twenty times faster. Checks look at whole containers at once instead of at each item.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, Callable, Dict, Iterable, List, Match, Optional, Pattern, Set, Union

import orjson

SAFE_INTEGER = 2**53 - 1
# Deeper values are pickled: not every JSON parser can read them.
JSON_DEPTH_MAX = 100
# Nodes of a value in its JSON. The JSON of a value that shares its parts can be exponentially
# larger than the value.
JSON_NODES_MAX = 1 << 26
_KINDS = {str, bool, type(None), int, float, list, dict}
_CONTAINERS = (list, dict)
# An unsafe integer has at least as many digits as SAFE_INTEGER.
_AS_NINES, _UNSAFE_DIGITS = bytes.maketrans(b"012345678", b"999999999"), b"9" * len(str(SAFE_INTEGER))
# Up to this many items are checked one by one, which is faster than a check of the whole container.
_FEW = 16
# Floats that orjson writes differently from Python: 1e16 for 1e+16, 0.00001 for 1e-05.
_EXPONENT, _SMALL = re.compile(rb"e-?\d+"), re.compile(rb"0\.0000\d*")
_ZEROS = b"0.0000"
# Up to one match per this many bytes is found by substring search.
_BYTES_OF_FEW = 64
# The first bytes of a text of floats usually contain a number with many digits.
_START = 1024


def encode_json(value: Any) -> Optional[bytes]:
    """The JSON of a value that every reader gets back unchanged; None for any other value."""
    # A value that is not a container is counted as the item of a list.
    if not 0 < _count([value], -1, {}) - 1 <= JSON_NODES_MAX:
        return None
    try:
        text = orjson.dumps(value)
    except TypeError:  # a lone surrogate, which is not valid Unicode
        return None
    if b'"' not in text:
        return _as_python(text)
    if _ZEROS not in text and _EXPONENT.search(text) is None:
        return text
    if b"\\" in text:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    # Every second piece is the content of a string.
    pieces = text.split(b'"')
    pieces[::2] = map(_as_python, pieces[::2])
    return b'"'.join(pieces)


def _as_python(text: bytes) -> bytes:
    """JSON without strings, with floats as Python writes them."""
    return _replaced(_replaced(text, b"e", _EXPONENT, _exponent), _ZEROS, _SMALL, _small)


def _replaced(
    text: bytes, start: bytes, pattern: Pattern[bytes], mend: Callable[[Match[bytes]], bytes]
) -> bytes:
    """Replaces each match of a pattern that begins with `start`."""
    at = text.find(start)
    if at < 0:
        return text
    # Substring search is many times faster than the pattern as long as matches are rare.
    pieces, done = [], 0
    for _ in range(1 + len(text) // _BYTES_OF_FEW):
        match = pattern.match(text, at)
        if match is not None:
            pieces += [text[done:at], mend(match)]
            done = match.end()
        at = text.find(start, max(done, at + 1))
        if at < 0:
            return b"".join([*pieces, text[done:]])
    return pattern.sub(mend, text)


def _exponent(match: Match[bytes]) -> bytes:
    return b"e%+03d" % int(match[0][1:])


def _small(match: Match[bytes]) -> bytes:
    """Leaves the end of a larger number as it is: 10.00001."""
    is_whole = not match.string[max(0, match.start() - 1) : match.start()].isdigit()
    return repr(float(match[0])).encode() if is_whole else match[0]


def _count(container: Any, depth: int, known: Dict[int, int]) -> int:
    """Nodes of a list or dict in its JSON; 0 if it is not JSON, contains itself, or is too deep."""
    if depth >= JSON_DEPTH_MAX:
        return 0
    if id(container) in known:
        return known[id(container)]
    known[id(container)] = 0
    items, names = (container.values(), container) if type(container) is dict else (container, ())
    inner = _inner(names, items) if len(items) <= _FEW else _inner_of_many(names, items)
    if inner is None:
        return 0
    total = 1 + len(items)
    for item in inner:
        nodes = _count(item, depth + 1, known)
        if nodes == 0:
            return 0
        total += nodes - 1
    known[id(container)] = total
    return total


def _inner(names: Iterable[Any], items: Iterable[Any]) -> Optional[List[Any]]:
    """The containers among the items; None if another item, or a name, is not JSON."""
    for name in names:
        if type(name) is not str:
            return None
    inner = []
    for item in items:
        kind = type(item)
        if kind is int:
            if not -SAFE_INTEGER <= item <= SAFE_INTEGER:
                return None
        elif kind is float:
            if not math.isfinite(item):
                return None
        elif kind is list or kind is dict:
            inner.append(item)
        elif kind is not str and kind is not bool and item is not None:
            return None
    return inner


def _inner_of_many(names: Iterable[Any], items: Iterable[Any]) -> Optional[List[Any]]:
    """As `_inner`, with a few checks of all items at once."""
    kinds = _kinds_of(items)
    if not (kinds <= _KINDS and _kinds_of(names) <= {str}):
        return None
    if float in kinds:
        floats = _of(float, kinds, items)
        # One sum is faster than many checks, but the sum of finite floats can be infinite.
        if not math.isfinite(sum(floats)) and not all(map(math.isfinite, floats)):
            return None
    if int in kinds and not _are_safe(_of(int, kinds, items)):
        return None
    return [] if kinds.isdisjoint(_CONTAINERS) else [item for item in items if type(item) in _CONTAINERS]


def _kinds_of(items: Iterable[Any]) -> Set[type]:
    """The types of the items. Counting equal types is faster than making a set of them."""
    kinds = list(map(type, items))
    return {kinds[0]} if kinds and kinds.count(kinds[0]) == len(kinds) else set(kinds)


def _of(kind: type, kinds: Set[type], items: Iterable[Any]) -> Any:
    return items if len(kinds) == 1 else [item for item in items if type(item) is kind]


def _are_safe(integers: Any) -> bool:
    return bool(-SAFE_INTEGER <= min(integers) and max(integers) <= SAFE_INTEGER)


def decode_json(text: memoryview) -> Any:
    """The value of a JSON text. Raises ValueError or RecursionError."""
    try:
        value = orjson.loads(text)
    except ValueError:
        # Python's parser also accepts numbers beyond the range of floats, and lone surrogates.
        return json.loads(bytes(text), parse_int=_read_integer)
    if not (_may_be_unsafe(text[:_START]) or _may_be_unsafe(text)):
        return value
    # A value that is not a container is replaced as the item of a list.
    (value,) = _make_floats([value])
    return value


def _may_be_unsafe(text: memoryview) -> bool:
    """Whether the text has enough digits in a row, also of a float, for an unsafe integer."""
    return _UNSAFE_DIGITS in bytes(text).translate(_AS_NINES)


def _read_integer(text: str) -> Union[int, float]:
    return _safe_or_float(int(text)) if len(text) <= 17 else float(text)


def _safe_or_float(value: int) -> Union[int, float]:
    return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else float(value)


def _make_floats(value: List[Any]) -> List[Any]:
    """Replaces unsafe integers by floats, in place: their writer had floats."""
    waiting: List[Any] = [value]
    while waiting:
        container = waiting.pop()
        is_dict = type(container) is dict
        items = container.values() if is_dict else container
        if len(items) <= _FEW:
            mended: Any = [item for item in items if type(item) is int and not -SAFE_INTEGER <= item <= SAFE_INTEGER]
            waiting += [item for item in items if type(item) in _CONTAINERS]
        else:
            kinds = _kinds_of(items)
            mended = int in kinds and not _are_safe(_of(int, kinds, items))
            if not kinds.isdisjoint(_CONTAINERS):
                waiting += [item for item in items if type(item) in _CONTAINERS]
        if mended:
            for name, item in list(container.items()) if is_dict else enumerate(container):
                container[name] = _safe_or_float(item) if type(item) is int else item
    return value
