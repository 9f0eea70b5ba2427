"""The other side of the comparison: pyarrow's C++ Flight server, as lean as it can be made.

Keeps what was put in a dict, by the descriptor's path, and returns it as it came. No disk, no versions, no metadata.
A put is answered by one PutResult, as the cache does, so that both send the same messages.
Prints `listening on grpc://HOST:PORT` when calls are accepted.
"""

import signal

import pyarrow.flight as flight


class PeerServer(flight.FlightServerBase):
    def __init__(self):
        super().__init__("grpc://127.0.0.1:0")
        self.tables = {}

    def do_put(self, context, descriptor, reader, writer):
        self.tables[b"/".join(descriptor.path)] = reader.read_all()
        writer.write(b"stored")

    def do_get(self, context, ticket):
        return flight.RecordBatchStream(self.tables[ticket.ticket])


if __name__ == "__main__":
    server = PeerServer()
    signal.signal(signal.SIGTERM, lambda *_: server.shutdown())
    print(f"listening on grpc://127.0.0.1:{server.port}", flush=True)
    server.serve()
