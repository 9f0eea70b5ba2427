"""An agent's tool-result cache: the same call of the same tool is made once, whichever agent asks, in whichever language.

    python3 examples/tool_cache.py

A result lies under a key made of the tool's name and its arguments, so finding it needs no table of references. Results are
JSON: examples/tool-cache.ts reads and fills the same cache from TypeScript. Needs flame-object-cache, and a cache:
FLAME_CACHE_ENDPOINT, or grpc://127.0.0.1:9090.
"""

import hashlib
import json
import os
from typing import Any, Callable

from flame_object_cache import ObjectNotFound, ObjectRef, get_object, put_object

ENDPOINT = os.environ.get("FLAME_CACHE_ENDPOINT", "grpc://127.0.0.1:9090")
SESSION = "example-tool-cache/results"


def key_of(tool: str, arguments: dict[str, Any]) -> str:
    """The same in every language: JSON with sorted names and no blanks, hashed."""
    text = json.dumps([tool, arguments], sort_keys=True, separators=(",", ":"))
    return f"{SESSION}/{hashlib.sha256(text.encode()).hexdigest()}"


def cached(tool: Callable[..., Any], **arguments: Any) -> Any:
    key = key_of(tool.__name__, arguments)
    try:
        result = get_object(ObjectRef(ENDPOINT, key))
        print(f"{tool.__name__}({arguments}) was known")
    except ObjectNotFound:
        result = tool(**arguments)
        put_object(key, result)
        print(f"{tool.__name__}({arguments}) was called")
    return result


def weather(city: str) -> dict[str, Any]:
    """Stands for a slow and costly call."""
    return {"city": city, "celsius": 10 + len(city), "sky": ["clear", "cloudy"][len(city) % 2]}


if __name__ == "__main__":
    for city in ("Oslo", "Lisbon", "Oslo"):
        print(cached(weather, city=city)["celsius"])
