"""Times puts and gets of one size after the other against several stores, interleaved: Flight servers with pyarrow's client.

Takes a plan as JSON in argv[1] and prints one line of JSON for each block of equal calls:

    plan   {"servers": [{"name", "pid", and what stores.py opens}], "rounds", "form",
            "sizes": [{"sizeBytes", "calls", "warmUpCalls"}]}
           a server without "pid" is none: it is this process that works
    block  {"server", "operation", "sizeBytes", "round", "seconds": [one for each call], "serverCpuSeconds"}

A call is timed whole: a put until its answer has been read and the stream is closed, a get until the table is there.
`form` is `table` or `opaque` (stores.py); either way an object is one record batch in one message. Before the rounds of a size each
server gets `warmUpCalls` puts and gets of it (what runs in a just-in-time compiler is slow at first), and round 0 is not printed
either.
"""

import gc
import json
import os
import sys
import time

from stores import make_batch, open_store

KEY_PREFIX = "bench/session"
TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    """User and system time of a process so far, ours without one; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid or 'self'}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_SECOND


def time_block(server, operation, key, batch, calls):
    seconds = []
    store = server["store"]
    cpu_before = cpu_seconds(server.get("pid"))
    for _ in range(calls):
        start = time.perf_counter()
        if operation == "put":
            store.put(key, batch)
        else:
            store.get(key)
        seconds.append(time.perf_counter() - start)
    return seconds, cpu_seconds(server.get("pid")) - cpu_before


def print_block(server, operation, size_bytes, round_number, timed):
    seconds, cpu = timed
    block = {
        "server": server["name"],
        "operation": operation,
        "sizeBytes": size_bytes,
        "round": round_number,
        "seconds": seconds,
        "serverCpuSeconds": cpu,
    }
    print(json.dumps(block), flush=True)


def run(plan):
    servers = plan["servers"]
    for server in servers:
        server["store"] = open_store(server)
    gc.disable()
    for size in plan["sizes"]:
        size_bytes = size["sizeBytes"]
        batch = make_batch(size_bytes, plan["form"])
        key = f"{KEY_PREFIX}/{size_bytes}"
        for operation in ("put", "get"):
            for server in servers:
                time_block(server, operation, key, batch, size["warmUpCalls"])
        for round_number in range(plan["rounds"] + 1):
            first = round_number % len(servers)
            gc.collect()
            for operation in ("put", "get"):
                for server in servers[first:] + servers[:first]:
                    timed = time_block(server, operation, key, batch, size["calls"])
                    if round_number > 0:
                        print_block(server, operation, size_bytes, round_number, timed)
        for server in servers:
            assert server["store"].holds(key, batch), f"{server['name']} gave back something else"


if __name__ == "__main__":
    run(json.loads(sys.argv[1]))
