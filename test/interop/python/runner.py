"""Lists and runs the interop cases: plain functions `case_*` in the modules of groups/.

    runner.py --list          one JSON array of {group, storages, isCampaign, cases: [name, ...]}
    runner.py --run GROUP     one JSON line per case: {name, status, seconds, detail}

The name of a case is its rule: `case_keeps_the_id` reads "keeps the id". The server a group talks to is started by
the caller and handed over in the environment; groups whose storages are ("own",) start their own ones. The folder
with groups/ is this one, or the one that INTEROP_FOLDER names.
A group with CAMPAIGN = True moves much or waits long, and runs in `npm run test:slow` only.
A case fails by raising, and is skipped by raising Skipped. Nothing but these lines goes to standard output.
"""

import importlib
import json
import os
import sys
import time
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = Path(os.environ.get("INTEROP_FOLDER") or HERE)
sys.path[:0] = [str(FOLDER), str(HERE)]
sys.dont_write_bytecode = True

from support.cases import Skipped, cases_of  # noqa: E402  (the path has to be set first)


def group_names() -> list[str]:
    return sorted(path.stem for path in (FOLDER / "groups").glob("*.py") if path.stem != "__init__")


def load(group: str):
    return importlib.import_module(f"groups.{group}")


def describe(group: str) -> dict:
    module = load(group)
    return {
        "group": group,
        "storages": list(module.STORAGES),
        "isCampaign": getattr(module, "CAMPAIGN", False),
        "cases": [name for name, _ in cases_of(module)],
    }


def run(group: str) -> None:
    from support.cache import Cache

    module = load(group)
    cache = Cache.from_environment()
    for name, function in cases_of(module):
        started = time.monotonic()
        status, detail = "passed", ""
        try:
            function(cache)
        except Skipped as reason:
            status, detail = "skipped", str(reason)
        except Exception:  # noqa: BLE001  (whatever a case raises is its result)
            status, detail = "failed", traceback.format_exc()
        seconds = round(time.monotonic() - started, 3)
        print(json.dumps({"name": name, "status": status, "seconds": seconds, "detail": detail}), flush=True)


def main() -> None:
    if sys.argv[1] == "--list":
        print(json.dumps([describe(group) for group in group_names()]))
    else:
        run(sys.argv[2])
    sys.stdout.flush()
    # Clients of servers that were killed keep threads alive; what matters is on standard output already.
    os._exit(0)


main()
