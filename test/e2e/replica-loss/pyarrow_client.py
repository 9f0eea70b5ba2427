"""A plain Flight client that follows the locations of an object: pyarrow_client.py ENDPOINT KEY.

Writes them as JSON, with the version that each server sent, null for one that is lost, and whether
the object may be got again (expiration_time).
"""

import json
import sys

import pyarrow.flight as flight

REUSE = "arrow-flight-reuse-connection://?"


def version_at(client, ticket):
    try:
        return client.do_get(ticket).read_all().column("version")[0].as_py()
    except flight.FlightUnavailableError:
        return None


endpoint, key = sys.argv[1:]
client = flight.connect(endpoint)
info = client.get_flight_info(flight.FlightDescriptor.for_path(key))
(place,) = info.endpoints
found = {}
for location in place.locations:
    uri = location.uri.decode()
    found[uri] = version_at(client if uri == REUSE else flight.connect(uri), place.ticket)
listed = next(iter(client.list_flights(key.encode()))).endpoints[0]
print(
    json.dumps(
        {
            "found": found,
            "listed": [location.uri.decode() for location in listed.locations],
            "expires": str(place.expiration_time),
        }
    )
)
