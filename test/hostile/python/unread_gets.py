"""Clients that begin gets and do not read them: careless rather than hostile, by pyarrow's plain API.

argv[1] is JSON: uri, key, clients, gets (of each client). A thread for each client, as in a program that serves many tasks. Ends
with its standard input.
"""

import json
import os
import sys
import threading

import pyarrow.flight as flight

plan = json.loads(sys.argv[1])
readers, refusals = [], {}


def begin_gets():
    # Without the option all clients of a process share one connection.
    client = flight.FlightClient(plan["uri"], generic_options=[("grpc.use_local_subchannel_pool", 1)])
    for _ in range(plan["gets"]):
        try:
            readers.append((client, client.do_get(flight.Ticket(plan["key"]))))
        except Exception as error:
            text = str(error)[:100]
            refusals[text] = refusals.get(text, 0) + 1


threads = [threading.Thread(target=begin_gets, daemon=True) for _ in range(plan["clients"])]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(f"{len(readers)} gets of {plan['clients']} clients begun, refused {refusals}", flush=True)
sys.stdin.read()
os._exit(0)
