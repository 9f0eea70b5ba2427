"""Sends frames by their seeds: each must come back equal, or be refused with a FlameError that
names the reason.

    frames_campaign.py pandas|polars FIRST COUNT      one JSON line: {"equal", "pickled", "refused", "wrong": [...]}

`equal` went as tables and `pickled` as pickles, both came back equal. What is pickled must be refused by name without pickles.
"""

import importlib
import json
import os
import re
import sys
from typing import Any, Callable

import pyarrow as pa

from flame_object_cache import InvalidValue, decode_value, encode_value

NAMED = re.compile(r"column |index|labels|attrs|flags|rows")
WRONG_MAX = 20


def _by_itself(frame: Any) -> Any:
    return decode_value(encode_value(frame))


def judge(frame: Any, difference: Callable[[Any, Any], str], travel: Callable[[Any], Any] = _by_itself) -> tuple[str, str]:
    """The form in which the frame was stored, and the difference after it came back."""
    try:
        encoded = encode_value(frame)
    except InvalidValue as refusal:
        return "refused", "" if NAMED.search(refusal.text) else f"refused without a name: {refusal.text}"
    how = "equal" if isinstance(encoded, pa.Table) or encoded[:4] == b"FLM\2" else "pickled"
    wrong = difference(travel(frame), frame)
    return how, wrong or ("" if how == "equal" else _wrong_without_pickles(frame))


def _wrong_without_pickles(frame: Any) -> str:
    os.environ["FLAME_ALLOW_PICKLE"] = "0"
    try:
        encode_value(frame)
    except InvalidValue as refusal:
        return "" if NAMED.search(refusal.text) else f"refused without a name: {refusal.text}"
    finally:
        del os.environ["FLAME_ALLOW_PICKLE"]
    return "is not refused without pickles"


def run(library: str, first: int, count: int, travel: Callable[[Any], Any] = _by_itself) -> dict[str, Any]:
    builder = importlib.import_module(f"{library}_builder")
    counts: dict[str, Any] = {"equal": 0, "pickled": 0, "refused": 0, "wrong": []}
    for seed in range(first, first + count):
        try:
            how, wrong = judge(builder.build_frame(seed), builder.difference, travel)
        except BaseException as error:  # noqa: BLE001  (whatever comes out is what is wrong, a panic of polars too)
            how, wrong = "wrong", f"{type(error).__name__}: {error}"
        if wrong:
            counts["wrong"] = [*counts["wrong"], f"seed {seed} ({how}): {wrong:.300}"][:WRONG_MAX]
        else:
            counts[how] += 1
    return counts


if __name__ == "__main__":
    print(json.dumps(run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))
