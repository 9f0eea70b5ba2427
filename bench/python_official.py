"""Times the Python client beside the official Flame SDK, `flamepy`, both on the built cache.

    npm run build && python -m venv V && V/bin/pip install flamepy==0.6.0 ./python
    V/bin/python bench/python_official.py [--rounds 30]

The two take turns within each round, each first in every other one; the first rounds, in which all is warmed up, are not
counted. Prints medians and ratios, then what a dict of arrays takes on this host, and what a large array takes over the network.
"""

import argparse
import gc
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

import flame_object_cache as ours

CLI = Path(__file__).resolve().parent.parent / "dist/cli.js"
WARM_UP = 3
MIB = 1 << 20


def compare(name, rounds, official, own, before=lambda: None):
    """Each of the two is a call; `before` comes first each time and is not counted."""
    seen = {official: [], own: []}
    for turn in range(rounds + WARM_UP):
        for call in (official, own) if turn % 2 else (own, official):
            before()
            started = time.perf_counter()
            value = call()
            duration = time.perf_counter() - started
            del value
            if turn >= WARM_UP:
                seen[call].append(duration * 1e3)
    theirs, mine = (statistics.median(durations) for durations in seen.values())
    print(f"{name:34} official {theirs:8.2f} ms   ours {mine:8.2f} ms   ratio {mine / theirs:5.2f}", flush=True)


def compare_values(theirs, rounds):
    values = {
        "100,000 floats": [random.random() for _ in range(100_000)],
        "64 KiB": os.urandom(1 << 16),
        "8 MB array": np.random.default_rng(1).random(1_000_000),
    }
    for name, value in values.items():
        compare(f"put {name}", rounds, lambda: theirs.put_object("bench/a", value), lambda: ours.put_object("bench", "b", value))
        refs = [theirs.put_object("bench/a", value) for _ in range(rounds + WARM_UP)]
        mine = [ours.put_object("bench", "b", value) for _ in range(rounds + WARM_UP)]
        compare(f"first get {name}", rounds, lambda: theirs.get_object(refs.pop()), lambda: ours.get_object(mine.pop()))
        ours.delete_objects("bench/a")
        ours.delete_objects("bench/b")


def compare_polls(theirs, rounds):
    table = pa.table({f"c{number}": np.random.default_rng(number).random(MIB) for number in range(8)})
    ref, mine = theirs.put_object("bench/a", table), ours.put_object("bench", "b", table)
    compare("get 64 MB table again", rounds, lambda: theirs.get_object(ref), lambda: ours.get_object(mine))
    base = np.random.default_rng(1).random(MIB // 8)
    ref, mine = theirs.put_object("bench/a", base), ours.put_object("bench", "b", base)

    def patch():
        # By a third party, so to speak: the official client forgets what it patched itself.
        ours.patch_object(ours.ObjectRef(ref.endpoint, ref.key), base[:10])
        ours.patch_object(mine, base[:10])

    for _ in range(300):
        patch()
    calls = [lambda: theirs.get_object(ref, count), lambda: ours.get_object(mine, deserializer=count)]
    compare("poll unchanged, 1 MB, 300 patches", rounds, *calls)
    compare("poll patched, 1 MB, 300 patches", rounds, *calls, before=patch)


def count(_base, patches):
    return len(patches)


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def median_get(ref):
    durations = []
    for _ in range(7):
        started = time.perf_counter()
        value = ours.get_object(ref)
        durations.append((time.perf_counter() - started) * 1e3)
        del value
    return statistics.median(durations)


def measure_dict():
    os.environ["FLAME_KEPT_BYTES"] = "0"
    array = np.zeros(64 * MIB // 8)
    one, many = ours.put_object("bench", "b", array), ours.put_object("bench", "b", {f"a{n}": array for n in range(8)})
    del array
    gc.collect()
    times = median_get(one), median_get(many)
    before = resident()
    held = ours.get_object(many)
    grown = resident() - before
    print(f"one 64 MiB array {times[0]:.2f} ms, a dict of {len(held)} {times[1]:.2f} ms, resident memory grows by {grown / MIB:.1f} MiB")
    del os.environ["FLAME_KEPT_BYTES"]


# Runs in a process of its own, because a process keeps its peak.
LARGE = """if True:
    import resource, sys
    import flame_object_cache as ours
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    array = ours.get_object(ours.ObjectRef(sys.argv[1], sys.argv[2]), zero_copy=False)
    print(f"{array.nbytes >> 20} MiB array over gRPC: peak resident memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")
"""


def measure_large(mib):
    ref = ours.put_object("bench", "b", np.zeros(mib * MIB // 8))
    subprocess.run([sys.executable, "-c", LARGE, ref.endpoint, ref.key], check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--mib", type=int, default=1024, help="the large array")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        command = ["node", str(CLI), "serve", "--endpoint", "grpc://127.0.0.1:0", "--storage", os.path.join(home, "storage")]
        env = {**os.environ, "FLAME_HOME": home}
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=env) as server:
            try:
                os.environ["FLAME_CACHE_ENDPOINT"] = server.stdout.readline().split()[-1]
                # Its settings are read once, when it is first used.
                from flamepy.core import cache as theirs

                compare_values(theirs, options.rounds)
                compare_polls(theirs, options.rounds)
                measure_dict()
                measure_large(options.mib)
            finally:
                server.terminate()


main()
