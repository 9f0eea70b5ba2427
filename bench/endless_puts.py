"""Puts small objects without a pause, watches the log and the times of the puts, and compares the files at rest.

    .venv/bin/python bench/endless_puts.py --directory DIR [--seconds 600] [--clients 4]

Starts a server of the build with its storage in DIR, which must be empty. Half of the puts of 1 KiB create an object, half
replace one of the last 500. Prints a row for each minute, then the time until every file held the last put of its object.
Exits with 1 if a put failed, or a file is not what was put.
"""

import argparse
import os
import random
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pyarrow.flight as flight

VALUE_BYTES = 1024
OBJECTS_PER_SESSION = 2000
REPLACED_AMONG = 500
MINUTE_S = 60
REST_S = 300
MIB = 1 << 20
SCHEMA = pa.schema([("data", pa.binary())])


def value_of(key, number):
    return (f"{key}#{number}#".encode() * VALUE_BYTES)[:VALUE_BYTES]


class Putter(threading.Thread):
    """One client. `last` has the number of the last put of each key, `times` the end and the duration of each put."""

    def __init__(self, uri, name, ends_at):
        super().__init__(daemon=True)
        self.client = flight.FlightClient(uri)
        self.name = name
        self.ends_at = ends_at
        self.last = {}
        self.times = []
        self.errors = []

    def run(self):
        dice = random.Random(self.name)
        recent = []
        number = 0
        while time.monotonic() < self.ends_at:
            number += 1
            if recent and dice.random() < 0.5:
                key = dice.choice(recent)
            else:
                key = f"bench/{self.name}-{number // OBJECTS_PER_SESSION}/{number}"
                recent = [*recent[1 - REPLACED_AMONG :], key]
            try:
                self.put(key, number)
            except (pa.ArrowException, AssertionError) as error:
                self.errors.append(repr(error))

    def put(self, key, number):
        batch = pa.record_batch([pa.array([value_of(key, number)], pa.binary())], schema=SCHEMA)
        started_at = time.monotonic()
        writer, answers = self.client.do_put(flight.FlightDescriptor.for_path(key), SCHEMA)
        writer.write_batch(batch)
        writer.done_writing()
        assert answers.read() is not None
        writer.close()
        ended_at = time.monotonic()
        self.times.append((ended_at, ended_at - started_at))
        self.last[key] = number


def log_bytes(directory):
    log = os.path.join(directory, ".log")
    return sum(os.path.getsize(os.path.join(log, name)) for name in os.listdir(log))


def print_row(putters, directory, period, most_log_bytes):
    begin, end = period
    ms = sorted(took * 1000 for putter in putters for at, took in list(putter.times) if begin <= at < end)
    if not ms:
        return
    p50, p99 = ms[len(ms) // 2], ms[len(ms) * 99 // 100]
    log = f"{log_bytes(directory) / MIB:.0f} | {most_log_bytes / MIB:.0f}"
    print(f"| {len(ms) / (end - begin):.0f} | {p50:.2f} | {p99:.2f} | {ms[-1]:.0f} | {log} |", flush=True)


def watch(putters, directory, started_at):
    """Prints a row for each minute while somebody puts."""
    most_log_bytes, begin = 0, started_at
    while any(putter.is_alive() for putter in putters):
        time.sleep(0.5)
        most_log_bytes = max(most_log_bytes, log_bytes(directory))
        is_over = not any(putter.is_alive() for putter in putters)
        if is_over or time.monotonic() - begin >= MINUTE_S:
            end = time.monotonic()
            print_row(putters, directory, (begin, end), most_log_bytes)
            begin = end


def is_at_rest(directory, key, number):
    try:
        with pa.memory_map(os.path.join(directory, key + ".arrow")) as file:
            return pa.ipc.open_file(file).read_all().column("data")[0].as_py() == value_of(key, number)
    except FileNotFoundError:
        return False


def wait_for_rest(directory, last):
    """Returns the keys whose files are not what was put."""
    started_at = time.monotonic()
    waiting = list(last)
    while waiting and time.monotonic() - started_at < REST_S:
        waiting = [key for key in waiting if not is_at_rest(directory, key, last[key])]
        if waiting:
            time.sleep(0.5)
    print(f"{len(last)} objects, {len(waiting)} not at rest after {time.monotonic() - started_at:.0f} s")
    return waiting


def measure(options, uri):
    started_at = time.monotonic()
    putters = [Putter(uri, f"c{n}", started_at + options.seconds) for n in range(options.clients)]
    print("| puts per second | p50 ms | p99 ms | highest ms | log MiB | most MiB |")
    print("|---:|---:|---:|---:|---:|---:|")
    for putter in putters:
        putter.start()
    watch(putters, options.directory, started_at)
    errors = [error for putter in putters for error in putter.errors]
    print(f"{len(errors)} puts failed {errors[:1]}")
    last = {key: number for putter in putters for key, number in putter.last.items()}
    return errors or wait_for_rest(options.directory, last)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--directory", required=True)
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--clients", type=int, default=4)
    options = parser.parse_args()
    if os.path.isdir(options.directory) and os.listdir(options.directory):
        parser.error(f"{options.directory} is not empty")
    command = ["node", "dist/cli.js", "serve", "--endpoint", "grpc://127.0.0.1:0", "--log", "warn"]
    server = subprocess.Popen([*command, "--storage", options.directory], stdout=subprocess.PIPE, text=True)
    try:
        uri = server.stdout.readline().split()[-1]
        return 1 if measure(options, uri) else 0
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    sys.exit(main())
