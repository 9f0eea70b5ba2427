"""One DataFrame, many processes: put once, and every process works on the same memory.

    python3 examples/shared_dataframe.py --rows 200000 --processes 3

On the server's host get_object maps the object's file instead of copying it: the processes share its pages. On another host
the same code gets the table over the network. Needs flame-object-cache and pandas, and a cache: FLAME_CACHE_ENDPOINT, or
grpc://127.0.0.1:9090.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import pandas as pd

from flame_object_cache import ObjectRef, delete_objects, get_object, put_object

SESSION = "example-shared-dataframe/run"


def mean_of_part(ref: ObjectRef, part: int, parts: int) -> float:
    frame = get_object(ref)
    rows = len(frame) // parts
    return float(frame["price"].iloc[part * rows : (part + 1) * rows].mean())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--processes", type=int, default=3)
    options = parser.parse_args()

    random = np.random.default_rng(7)
    frame = pd.DataFrame({"day": np.arange(options.rows), "price": random.normal(100, 15, options.rows)})
    ref = put_object(SESSION, frame)
    parts = range(options.processes)
    # Not by fork: gRPC does not survive it.
    with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as processes:
        means = list(processes.map(mean_of_part, [ref] * len(parts), parts, [len(parts)] * len(parts)))
    print(f"mean of {options.rows} prices in {len(parts)} processes: {sum(means) / len(means):.2f}")
    delete_objects(SESSION)


if __name__ == "__main__":
    main()
