"""Values too large to keep twice: one pattern, told apart by position, checked slice by slice without a copy."""

import random
from typing import Optional

import pyarrow as pa

MIB = 1 << 20
# A prime number of bytes, so that no power of two repeats it.
_PERIOD = 1_048_573


def pattern(size: int) -> pa.Buffer:
    """`size` bytes, the same for every call."""
    block = random.Random(7).randbytes(_PERIOD)
    buffer = pa.allocate_buffer(size)
    view = memoryview(buffer).cast("B")
    for start in range(0, size, _PERIOD):
        view[start : start + _PERIOD] = block[: size - start]
    return buffer


def one_row(data: pa.Buffer, schema: pa.Schema) -> pa.RecordBatch:
    """A batch of one opaque row around the buffer, without copying it."""
    offsets = pa.py_buffer((0).to_bytes(4, "little") + data.size.to_bytes(4, "little"))
    cells = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, data])
    return pa.RecordBatch.from_arrays([pa.array([0], pa.uint64()), cells], schema=schema)


def cell(batch: pa.RecordBatch) -> pa.Buffer:
    """The data of the first row, as a view."""
    return batch.column("data")[0].as_buffer()


def repeats(data: pa.Buffer, chunk: pa.Buffer, start: int) -> bool:
    """True when data is what lies at `start` in an endless row of chunks."""
    position = 0
    while position < data.size:
        begin = (start + position) % chunk.size
        size = min(chunk.size - begin, data.size - position)
        if not data.slice(position, size).equals(chunk.slice(begin, size)):
            return False
        position += size
    return True


class PeakMemory:
    """How far the resident memory of a process grows above what it was: VmHWM, set back through clear_refs."""

    def __init__(self, pid: int):
        self._status, self._clear = f"/proc/{pid}/status", f"/proc/{pid}/clear_refs"
        self._start: Optional[int] = None

    def __enter__(self) -> "PeakMemory":
        with open(self._clear, "w") as file:
            file.write("5")
        self._start = self._peak()
        return self

    def __exit__(self, *_error) -> None:
        self.grown_bytes = self._peak() - self._start

    def _peak(self) -> int:
        with open(self._status) as file:
            (line,) = (line for line in file if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
