"""Gets of the Python client while servers are lost: python_client.py ENDPOINT KEYS.

Calls from four threads until standard input ends. For each line there, writes `more` after MORE
further gets. At the end writes what happened as JSON: gets, failures, the seconds of the longest
get, a put and a list.
"""

import json
import sys
import threading
import time

from flame_object_cache import FlameCache

MORE = 100
endpoint, count = sys.argv[1], int(sys.argv[2])
changed = threading.Condition()
failures, longest, gets, is_over = [], 0.0, 0, False


def get(cache, number):
    global longest, gets
    began = time.monotonic()
    try:
        # The text of a key names no version, so that every get brings the value.
        value = cache.get(f"app/loss/{number}")
        assert value == f"value {number}", value
    except Exception as error:  # noqa: BLE001  (it is what the test looks at)
        failures.append(repr(error))
    with changed:
        gets += 1
        longest = max(longest, time.monotonic() - began)
        changed.notify_all()


def work(cache, number):
    while not is_over:
        get(cache, number % count)
        number += 1


with FlameCache(endpoint) as cache:
    workers = [threading.Thread(target=work, args=(cache, first)) for first in range(4)]
    for worker in workers:
        worker.start()
    for _ in sys.stdin:
        with changed:
            wanted = gets + MORE
            changed.wait_for(lambda: gets >= wanted)
        print("more", flush=True)
    is_over = True
    for worker in workers:
        worker.join()
    put = cache.put("app/loss-put/1", "python").version
    listed = len(cache.list("app/loss"))

print(json.dumps({"gets": gets, "failures": failures[:5], "longest": longest, "put": put, "listed": listed}))
