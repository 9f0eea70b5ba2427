"""One connection to Redis, as lean as a client in Python can be: RESP over a socket, no pipelining.

`command` sends an array of bulk strings and returns the reply: None for nil, bytes for a status, int for an integer, a bytearray
for a bulk string. A large argument is sent as the view it is, a large reply is received into the memory it is returned in.
An error reply is a RuntimeError. Source: the Redis serialization protocol, version 2.
"""

import socket

READ_BYTES = 64 * 1024
# Below this an argument is joined with what stands before it, so that a small command is one packet.
JOIN_BYTES_MAX = 64 * 1024


class RedisConnection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def command(self, *arguments):
        waiting = b"*%d\r\n" % len(arguments)
        for argument in arguments:
            waiting += b"$%d\r\n" % len(argument)
            if len(argument) > JOIN_BYTES_MAX:
                self.socket.sendall(waiting)
                self.socket.sendall(argument)
                waiting = b"\r\n"
            else:
                waiting += bytes(argument) + b"\r\n"
        self.socket.sendall(waiting)
        return self._reply()

    def _reply(self):
        line = self._line()
        kind, text = line[:1], line[1:]
        if kind == b"+":
            return text
        if kind == b":":
            return int(text)
        if kind == b"$":
            return None if text == b"-1" else self._bulk(int(text))
        raise RuntimeError(line.decode())

    def _line(self):
        while b"\r\n" not in self.received:
            more = self.socket.recv(READ_BYTES)
            if not more:
                raise ConnectionError("Redis closed the connection")
            self.received += more
        line, _, self.received = self.received.partition(b"\r\n")
        return line

    def _bulk(self, size):
        data = bytearray(size + 2)
        had = min(len(self.received), size + 2)
        data[:had] = self.received[:had]
        self.received = self.received[had:]
        view = memoryview(data)[had:]
        while len(view) > 0:
            count = self.socket.recv_into(view)
            if count == 0:
                raise ConnectionError("Redis closed the connection")
            view = view[count:]
        view.release()
        del data[size:]
        return data
