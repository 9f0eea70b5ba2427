"""Times the Python SDK against itself: zero-copy gets beside gets over gRPC, local-storage puts beside DoPut.

    npm run build && PYTHONPATH=python .venv/bin/python bench/python_sdk.py [--rounds 7] [--mib 256] [--directory DIR]

Starts the built cache on a free port over a directory of its own, which is removed at the end. The two ways take turns
within each round, and round 0, in which everything is warmed up, is not counted. Prints medians and their ratios. A get that
is a view has read nothing yet, so its time is also taken with a sum over all values.
"""

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import flame_object_cache

CLI = Path(__file__).resolve().parent.parent / "dist/cli.js"
COLUMNS = 8


def seconds_of(action):
    started = time.perf_counter()
    value = action()
    return time.perf_counter() - started, value


def with_storage(directory, action):
    os.environ["FLAME_CACHE_STORAGE"] = directory
    try:
        return seconds_of(action)
    finally:
        del os.environ["FLAME_CACHE_STORAGE"]


def total_of(table):
    return sum(pc.sum(column).as_py() for column in table.columns)


def measure(table, directory, rounds):
    seen = {name: [] for name in ("get zero-copy", "get gRPC", "get zero-copy and sum", "get gRPC and sum", "put local", "put DoPut")}
    ref = flame_object_cache.put_object("bench", "gets", table)
    for turn in range(rounds + 1):
        times = {}
        times["get zero-copy"], mapped = seconds_of(lambda: flame_object_cache.get_object(ref, zero_copy=True))
        times["get gRPC"], sent = seconds_of(lambda: flame_object_cache.get_object(ref, zero_copy=False))
        assert mapped.equals(sent)
        del mapped, sent
        times["get zero-copy and sum"], _ = seconds_of(lambda: total_of(flame_object_cache.get_object(ref, zero_copy=True)))
        times["get gRPC and sum"], _ = seconds_of(lambda: total_of(flame_object_cache.get_object(ref, zero_copy=False)))
        times["put local"], _ = with_storage(directory, lambda: flame_object_cache.put_object("bench", "puts", table))
        flame_object_cache.delete_objects("bench/puts")
        times["put DoPut"], _ = seconds_of(lambda: flame_object_cache.put_object("bench", "puts", table))
        flame_object_cache.delete_objects("bench/puts")
        if turn > 0:
            for name, duration in times.items():
                seen[name].append(duration)
    return {name: statistics.median(durations) for name, durations in seen.items()}


def measure_small(calls):
    """Median milliseconds of a get by its size, zero-copy and over gRPC."""
    for size in (1 << 10, 1 << 16, 1 << 20, 1 << 23):
        ref = flame_object_cache.put_object("bench", "small", os.urandom(size))
        ways = {True: [], False: []}
        for _ in range(calls):
            for zero_copy, durations in ways.items():
                durations.append(seconds_of(lambda way=zero_copy: flame_object_cache.get_object(ref, zero_copy=way))[0])
        mapped, sent = (statistics.median(durations) * 1e3 for durations in ways.values())
        print(f"get of {size >> 10:>5} KiB of bytes: zero-copy {mapped:6.2f} ms, gRPC {sent:6.2f} ms")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--mib", type=int, default=256)
    parser.add_argument("--directory", help="where the server's directory is made; the system's temporary one otherwise")
    options = parser.parse_args()
    rows = options.mib * (1 << 20) // 8 // COLUMNS
    table = pa.table({f"c{number}": np.random.default_rng(number).random(rows) for number in range(COLUMNS)})
    with tempfile.TemporaryDirectory(dir=options.directory) as home:
        storage = os.path.join(home, "storage")
        command = ["node", str(CLI), "serve", "--endpoint", "grpc://127.0.0.1:0", "--storage", storage]
        env = {**os.environ, "FLAME_HOME": home}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env) as server:
            try:
                os.environ["FLAME_CACHE_ENDPOINT"] = server.stdout.readline().split()[-1]
                medians = measure(table, storage, options.rounds)
                print(f"{options.mib} MiB table, {options.rounds} rounds, medians")
                for name, duration in medians.items():
                    print(f"{name:22} {duration * 1e3:8.1f} ms")
                for slow, fast in (
                    ("get gRPC", "get zero-copy"),
                    ("get gRPC and sum", "get zero-copy and sum"),
                    ("put DoPut", "put local"),
                ):
                    print(f"{fast} is {medians[slow] / medians[fast]:.1f} times as fast as {slow}")
                measure_small(20 * options.rounds)
            finally:
                server.terminate()


main()
