"""Prints golden-values.ts: values as the Python SDK of generation 2 encodes them. Run it with pyarrow 26 and numpy 2.

    python golden-values.py > golden-values.ts
"""

import textwrap

import numpy as np
import pyarrow as pa


def tensor(array):
    sink = pa.BufferOutputStream()
    pa.ipc.write_tensor(pa.Tensor.from_numpy(array), sink)
    return b"FLM\x01" + sink.getvalue().to_pybytes()


def stream(tag, batch):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes([0x46, 0x4C, 0x4D, tag]) + sink.getvalue().to_pybytes()


BATCH = pa.record_batch({"n": pa.array([1, None, 3], pa.int32()), "s": ["a", "b", None]})
ARRAY = pa.RecordBatch.from_arrays([pa.array([1.5, 2.5])], names=["data"])

VALUES = {
    "matrix": tensor(np.array([[1, 2, 3], [4, 5, 6]], np.int64)),
    "columnMajor": tensor(np.asfortranarray(np.array([[1, 2, 3], [4, 5, 6]], np.float32))),
    "halves": tensor(np.array([0, 1.5, -2, 65504, 5.960464477539063e-08, np.inf, np.nan], np.float16)),
    "scalarLike": tensor(np.array([7], np.uint8)),
    "noElements": tensor(np.zeros((0, 4), np.uint16)),
    "table": stream(2, BATCH),
    "array": stream(3, ARRAY),
    "recordBatch": stream(4, BATCH),
}

print(
    """/**
 * Values as Python encodes them, made by golden-values.py beside this file.
 *
 * `matrix`, `columnMajor`: [[1, 2, 3], [4, 5, 6]]. `table`, `recordBatch`: n = 1, null, 3 (int32) and s = a, b, null. `array`: 1.5, 2.5.
 */

function hex(...lines: readonly string[]): Buffer {
  return Buffer.from(lines.join(""), "hex");
}

export const GOLDEN_VALUES = {"""
)
for name, value in VALUES.items():
    lines = "".join(f'    "{line}",\n' for line in textwrap.wrap(value.hex(), 96))
    print(f"  {name}: hex(\n{lines}  ),")
print("} as const;")
