"""Clients that begin gets and do not read them: careless rather than hostile, by pyarrow's plain API.

argv[1] is JSON: uri, key, clients, gets (of each client). Ends with its standard input.
"""

import json
import sys

import pyarrow.flight as flight

plan = json.loads(sys.argv[1])
# Without this all clients of a process share one connection.
options = [("grpc.use_local_subchannel_pool", 1)]
clients = [flight.FlightClient(plan["uri"], generic_options=options) for _ in range(plan["clients"])]
readers, refusals = [], {}
for client in clients:
    for _ in range(plan["gets"]):
        try:
            readers.append(client.do_get(flight.Ticket(plan["key"])))
        except Exception as error:
            text = str(error)[:80]
            refusals[text] = refusals.get(text, 0) + 1
print(f"{len(readers)} gets begun, refused {refusals}", flush=True)
sys.stdin.read()
