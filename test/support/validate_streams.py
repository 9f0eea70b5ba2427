"""Reads IPC streams with pyarrow and validates them fully; one line of output each, before the next is looked at.

Arguments: a file of streams, each behind its number and length (two little-endian uint32), and the first number to look at.
Output: `NUMBER ok` or `NUMBER TYPE: text of the refusal`. A process that dies has its last line in flight.
"""

import struct
import sys

import pyarrow as pa

path, first = sys.argv[1], int(sys.argv[2])
with open(path, "rb") as file:
    while head := file.read(8):
        number, size = struct.unpack("<II", head)
        stream = file.read(size)
        if number < first:
            continue
        try:
            pa.ipc.open_stream(stream).read_all().validate(full=True)
            verdict = "ok"
        except Exception as error:  # whatever it is, it is a refusal and not a crash
            verdict = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        print(number, verdict, flush=True)
