"""A replay buffer that grows by patches: actors append their episodes, the learner reads all of them.

    python3 examples/replay_buffer.py --actors 2 --episodes 3

An append sends only what is new, whatever the size of the buffer; the server joins nothing and rewrites nothing. The buffer
is a table, so its patches are rows: whoever gets it gets one table. Needs flame-object-cache and pyarrow, and a cache:
FLAME_CACHE_ENDPOINT, or grpc://127.0.0.1:9090.
"""

import argparse
import random
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from flame_object_cache import ObjectRef, delete_objects, get_object, patch_object, put_object

SESSION = "example-replay-buffer/run"
TRANSITION = pa.schema([("actor", pa.int32()), ("state", pa.float32()), ("action", pa.int8()), ("reward", pa.float32())])
EPISODE_STEPS = 50


def play_episode(actor: int, seed: int) -> pa.Table:
    dice = random.Random(seed)
    states = [dice.random() for _ in range(EPISODE_STEPS)]
    actions = [int(state > 0.5) for state in states]
    rewards = [state if action else 1 - state for state, action in zip(states, actions)]
    return pa.table([[actor] * EPISODE_STEPS, states, actions, rewards], schema=TRANSITION)


def act(buffer: ObjectRef, actor: int, episodes: int) -> None:
    for episode in range(episodes):
        patch_object(buffer, play_episode(actor, seed=1000 * actor + episode))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--actors", type=int, default=2)
    parser.add_argument("--episodes", type=int, default=3)
    options = parser.parse_args()

    buffer = put_object(SESSION, TRANSITION.empty_table())
    with ThreadPoolExecutor(options.actors) as actors:
        list(actors.map(lambda actor: act(buffer, actor, options.episodes), range(options.actors)))
    transitions = get_object(buffer)
    per_actor = transitions.group_by("actor").aggregate([("reward", "mean")]).sort_by("actor").to_pylist()
    print(f"{transitions.num_rows} transitions")
    for row in per_actor:
        print(f"actor {row['actor']}: mean reward {row['reward_mean']:.2f}")
    delete_objects(SESSION)


if __name__ == "__main__":
    main()
