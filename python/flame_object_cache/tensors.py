"""numpy arrays as Arrow's tensors (Tensor.fbs), whose numbers are views of the array, and of what came when they are read."""

from __future__ import annotations

import struct
from typing import Any, List

import pyarrow as pa

# Head of a tensor message, bytes: shape and strides of 64 dimensions fit.
_TENSOR_HEAD_MAX = 8192


def fits_tensor(array: Any) -> bool:
    """Arrow's tensors are of integers and floats up to 64 bits in native order; bool, complex, time and text are not."""
    return array.dtype.kind in "iuf" and array.dtype.itemsize <= 8 and bool(array.dtype.isnative)


def tensor_parts(tag: bytes, array: Any) -> List[pa.Buffer]:
    if not array.flags.forc:
        array = array.copy(order="C")
    space = pa.allocate_buffer(_TENSOR_HEAD_MAX)
    with pa.FixedSizeBufferWriter(space) as sink:
        try:
            pa.ipc.write_tensor(pa.Tensor.from_numpy(array), sink)
        except OSError:
            pass  # The head is written; that the data has no room here is meant.
    head = space.slice(0, 8 + struct.unpack_from("<i", space, 4)[0]).to_pybytes()
    data = memoryview(array if array.flags.c_contiguous else array.T)
    return [pa.py_buffer(tag + padded(head)), pa.py_buffer(data)]


def padded(head: bytes) -> bytes:
    """Lengthens the first message, so that what comes after it is at a multiple of 64 behind 4 bytes of tag."""
    (size,) = struct.unpack_from("<i", head, 4)
    padding = -(4 + 8 + size) % 64
    return head[:4] + struct.pack("<i", size + padding) + head[8 : 8 + size] + bytes(padding) + head[8 + size :]


def read_tensor(body: pa.Buffer) -> Any:
    array = pa.ipc.read_tensor(pa.BufferReader(body)).to_numpy()
    ahead = array.ctypes.data - body.address
    span = sum((size - 1) * stride for size, stride in zip(array.shape, array.strides)) + array.itemsize
    # Strides of zero would make an array of any size out of a few bytes.
    if array.size and not (0 <= ahead <= body.size - span and array.nbytes <= body.size):
        raise ValueError("its shape and strides do not fit its bytes")
    if not array.flags.aligned:
        array = array.copy(order="K")
    array.flags.writeable = False
    return array
