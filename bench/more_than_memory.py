"""Puts more into a server than it may hold in memory, gets all of it again, and compares: several clients at once.

Takes a plan as JSON in argv[1], prints one line of JSON after the puts and one after the gets:

    plan   {"uri", "totalBytes", "smallestBytes", "largestBytes", "clients", "seed"}
    line   {"operation", "objects", "bytes", "seconds", "missing", "different"}

Sizes are spread evenly over their logarithm. The bytes of an object are a stretch of one random block, so that every object is
compared whole without being kept. An object that is not found is counted in `missing`: a cache in memory may have evicted it.
"""

import json
import os
import random
import sys
import threading
import time

import pyarrow as pa
import pyarrow.flight as flight

PREFIX = "bench/memory"
STRIDE = 4099


def sizes_of(plan):
    dice = random.Random(plan["seed"])
    spread = plan["largestBytes"] / plan["smallestBytes"]
    sizes, total = [], 0
    while total < plan["totalBytes"]:
        sizes.append(int(plan["smallestBytes"] * spread ** dice.random()))
        total += sizes[-1]
    return sizes


class Objects:
    def __init__(self, plan):
        self.sizes = sizes_of(plan)
        self.block = pa.py_buffer(os.urandom(plan["largestBytes"]) * 2)
        self.places = plan["largestBytes"]

    def batch(self, number):
        start = number * STRIDE % self.places
        data = self.block.slice(start, self.sizes[number])
        return pa.record_batch([pa.Array.from_buffers(pa.uint8(), len(data), [None, data])], names=["data"])


def put(client, objects, number):
    batch = objects.batch(number)
    writer, answers = client.do_put(flight.FlightDescriptor.for_path(f"{PREFIX}/{number}"), batch.schema)
    writer.write_batch(batch)
    writer.done_writing()
    assert answers.read() is not None
    writer.close()
    return "same"


def get(client, objects, number):
    try:
        table = client.do_get(flight.Ticket(f"{PREFIX}/{number}")).read_all()
    except pa.ArrowKeyError:
        return "missing"
    same = table.column("data").combine_chunks().equals(objects.batch(number).column("data"))
    return "same" if same else "different"


def run_all(plan, objects, operation, action):
    found = {"same": 0, "missing": 0, "different": 0}
    failures = []
    lock = threading.Lock()
    numbers = iter(range(len(objects.sizes)))

    def work():
        client = flight.FlightClient(plan["uri"])
        try:
            while not failures:
                with lock:
                    number = next(numbers, None)
                if number is None:
                    return
                result = action(client, objects, number)
                with lock:
                    found[result] += 1
                    if result == "same":
                        moved.append(objects.sizes[number])
        except BaseException as failure:
            failures.append(failure)
        finally:
            client.close()

    moved = []
    threads = [threading.Thread(target=work) for _ in range(plan["clients"])]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    line = {
        "operation": operation,
        "objects": len(objects.sizes),
        "bytes": sum(moved),
        "seconds": time.perf_counter() - start,
        "missing": found["missing"],
        "different": found["different"],
    }
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    the_plan = json.loads(sys.argv[1])
    the_objects = Objects(the_plan)
    run_all(the_plan, the_objects, "put", put)
    run_all(the_plan, the_objects, "get", get)
