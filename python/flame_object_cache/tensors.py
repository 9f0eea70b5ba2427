"""numpy arrays as Arrow tensors (Tensor.fbs). A written tensor is a view of the array; an array
that is read is a view of the received bytes.
"""

from __future__ import annotations

import struct
from typing import Any, List

import pyarrow as pa

# Bytes for the head of a tensor message, enough for shape and strides of 64 dimensions.
_TENSOR_HEAD_MAX = 8192


def fits_tensor(array: Any) -> bool:
    """Whether the array has integers or floats of up to 64 bits in native order. Arrow has no
    tensors of bool, complex, time or text.
    """
    return array.dtype.kind in "iuf" and array.dtype.itemsize <= 8 and bool(array.dtype.isnative)


def tensor_parts(tag: bytes, array: Any) -> List[pa.Buffer]:
    if not array.flags.forc:
        array = array.copy(order="C")
    space = pa.allocate_buffer(_TENSOR_HEAD_MAX)
    with pa.FixedSizeBufferWriter(space) as sink:
        try:
            pa.ipc.write_tensor(pa.Tensor.from_numpy(array), sink)
        except OSError:
            pass  # Expected: the space is large enough for the head only.
    head = space.slice(0, 8 + struct.unpack_from("<i", space, 4)[0]).to_pybytes()
    data = memoryview(array if array.flags.c_contiguous else array.T)
    return [pa.py_buffer(tag + padded(head)), pa.py_buffer(data)]


def padded(head: bytes) -> bytes:
    """Pads the first message so that the data after it begins at a multiple of 64 bytes, counted
    from the tag of 4 bytes.
    """
    (size,) = struct.unpack_from("<i", head, 4)
    padding = -(4 + 8 + size) % 64
    return head[:4] + struct.pack("<i", size + padding) + head[8 : 8 + size] + bytes(padding) + head[8 + size :]


def read_tensor(body: pa.Buffer) -> Any:
    array = pa.ipc.read_tensor(pa.BufferReader(body)).to_numpy()
    ahead = array.ctypes.data - body.address
    span = sum((size - 1) * stride for size, stride in zip(array.shape, array.strides)) + array.itemsize
    # With strides of zero, a few bytes could claim to be an array of any size.
    if array.size and not (0 <= ahead <= body.size - span and array.nbytes <= body.size):
        raise ValueError("the tensor's shape and strides exceed its bytes")
    if not array.flags.aligned:
        array = array.copy(order="K")
    array.flags.writeable = False
    return array
