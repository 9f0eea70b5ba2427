"""A parameter server: one learner, several workers, and the weights in the cache.

    python3 examples/parameter_server.py --workers 3 --rounds 5

In each round every worker gets the newest weights, computes a gradient on data of its own, and puts it; the learner gets
the gradients, takes a step, and updates the weights under the same key. References are all that is passed between the
processes. Needs flame-object-cache and numpy, and a cache: FLAME_CACHE_ENDPOINT, or grpc://127.0.0.1:9090.
"""

import argparse
import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from flame_object_cache import ObjectRef, delete_objects, get_object, put_object, update_object

SESSION = "example-parameter-server/run"
TRUE_WEIGHTS = np.array([2.0, -3.0, 0.5])
LEARNING_RATE = 0.2
SAMPLES = 200


def gradient_step(weights_ref: ObjectRef, seed: int) -> ObjectRef:
    """What a worker does: the gradient of a least-squares loss on samples that only it has."""
    weights = get_object(weights_ref)
    random = np.random.default_rng(seed)
    inputs = random.normal(size=(SAMPLES, len(TRUE_WEIGHTS)))
    errors = inputs @ weights - inputs @ TRUE_WEIGHTS
    return put_object(SESSION, inputs.T @ errors / SAMPLES)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=20)
    options = parser.parse_args()

    weights = np.zeros_like(TRUE_WEIGHTS)
    ref = put_object(SESSION, weights)
    # Not by fork: gRPC does not survive it.
    with ProcessPoolExecutor(options.workers, multiprocessing.get_context("spawn")) as workers:
        for number in range(options.rounds):
            seeds = range(number * options.workers, (number + 1) * options.workers)
            gradient_refs = list(workers.map(gradient_step, [ref] * options.workers, seeds))
            weights = weights - LEARNING_RATE * sum(get_object(gradient) for gradient in gradient_refs)
            ref = update_object(ref, weights)
    distance = float(np.abs(get_object(ref) - TRUE_WEIGHTS).max())
    print(f"version {ref.version}, distance to the true weights {distance:.4f}")
    delete_objects(SESSION)


if __name__ == "__main__":
    main()
