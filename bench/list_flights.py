"""Lists every object of a cache with pyarrow's Flight client: its URI is one line of standard input; prints {"objects", "distinct", "endedAt"} as JSON.

Only the bytes that tell objects apart are kept, so that the memory of this process stays no measure of the server's.
`endedAt` is in milliseconds since 1970.
"""

import json
import sys
import time

import pyarrow.flight as flight

client = flight.connect(sys.stdin.readline().strip())
names = [hash(info.descriptor.path[0]) for info in client.list_flights()]
# Behind the last answer: to find what came twice is not part of a list.
ended_at = time.time() * 1000
print(json.dumps({"objects": len(names), "distinct": len(set(names)), "endedAt": ended_at}))
