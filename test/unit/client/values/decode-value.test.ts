import { Table as FlechetteTable } from "@uwdata/flechette";
import { type Table, type Vector, vectorFromArray } from "apache-arrow";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeOpaque, untaggedBytes } from "../../../../src/client/values/decode-value.ts";
import { type EncodedValue, encodeValue } from "../../../../src/client/values/encode-value.ts";
import { IpcTable } from "../../../../src/client/values/ipc-table.ts";
import { Tensor } from "../../../../src/client/values/tensor.ts";
import { GOLDEN_VALUES } from "./golden-values.ts";

const FRESH = { tables: "arrow", shared: false } as const;
const SHARED = { tables: "arrow", shared: true } as const;

function opaqueData(encoded: EncodedValue): Buffer {
  expect(encoded.kind).toBe("opaque");
  return Buffer.concat("data" in encoded ? encoded.data : []);
}

async function tensorOf(name: keyof typeof GOLDEN_VALUES): Promise<Tensor> {
  const tensor = await decodeOpaque(GOLDEN_VALUES[name], FRESH);
  expect(tensor).toBeInstanceOf(Tensor);
  return tensor as Tensor;
}

describe("an opaque value", () => {
  it("of bytes comes back equal, as a Uint8Array", async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array(), fc.boolean(), async (bytes, shared) => {
        const data = opaqueData(await encodeValue(bytes));
        expect(data.subarray(0, 4).toString("latin1")).toBe("FLM\x06");
        expect(await decodeOpaque(data, { tables: "ipc", shared })).toEqual(Uint8Array.from(bytes));
      }),
    );
  });

  it("of JSON comes back equal", async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const data = opaqueData(await encodeValue(value));
        expect(data.subarray(0, 4).toString("latin1")).toBe("FLM\x05");
        expect(await decodeOpaque(data, FRESH)).toEqual(value);
      }),
    );
  });

  it("of bytes is a view of what came, unless somebody else keeps that", async () => {
    const data = opaqueData(await encodeValue(Buffer.from("abc")));
    const view = (await decodeOpaque(data, FRESH)) as Uint8Array;
    const copy = (await decodeOpaque(data, SHARED)) as Uint8Array;
    data.fill(0);
    expect([...view]).toEqual([0, 0, 0]);
    expect(Buffer.from(copy).toString()).toBe("abc");
  });

  it("that is a pickle is refused by the name of its tag", async () => {
    const pickle = Buffer.from("FLM\x00pickled", "latin1");
    await expect(decodeOpaque(pickle, FRESH)).rejects.toThrow(
      /^\[UNREADABLE_VALUE\] the value has the type tag FLM\\x00 \(cloudpickle\)/,
    );
  });

  it("that is a pickle with buffers is refused by the name of its tag", async () => {
    await expect(decodeOpaque(Buffer.from("FLM\x07pickled", "latin1"), FRESH)).rejects.toThrow(
      /type tag FLM\\x07 \(bufferedPickle\): a Python pickle/,
    );
  });

  it.each(["", "FL", "FLM", "plain text", "FLMore text", "\x80\x04pickle"])(
    "without a tag is refused, and says what to take instead: %j",
    async (text) => {
      await expect(decodeOpaque(Buffer.from(text, "latin1"), FRESH)).rejects.toThrow(
        /^\[UNREADABLE_VALUE\] the value has no type tag.*downloadFile or getBytes.*pickle/,
      );
    },
  );

  it("with the tag of a newer client is refused by its number", async () => {
    await expect(decodeOpaque(Buffer.from("FLM\x1f", "latin1"), FRESH)).rejects.toThrow(/type tag FLM\\x1F,/);
  });

  it("gives its bytes without the tag of bytes, and any other as they are", () => {
    expect(untaggedBytes(Buffer.from("FLM\x06abc"), false)).toEqual(Uint8Array.from(Buffer.from("abc")));
    expect(untaggedBytes(Buffer.from("FLM\x05abc"), true)).toEqual(
      Uint8Array.from(Buffer.from("FLM\x05abc")),
    );
    expect(untaggedBytes(Buffer.from("raw"), false)).toEqual(Uint8Array.from(Buffer.from("raw")));
  });
});

describe("a numpy array", () => {
  it("comes as a tensor in row-major order", async () => {
    const { elementType, shape, strides, data } = await tensorOf("matrix");
    expect({ elementType, shape, strides }).toEqual({ elementType: "int64", shape: [2, 3], strides: [3, 1] });
    expect(data).toEqual(BigInt64Array.of(1n, 2n, 3n, 4n, 5n, 6n));
  });

  it("in column-major order keeps its strides", async () => {
    const tensor = await tensorOf("columnMajor");
    expect(tensor.strides).toEqual([1, 2]);
    expect(tensor.data).toEqual(Float32Array.of(1, 4, 2, 5, 3, 6));
    expect([tensor.at(0, 2), tensor.at(1, 0), tensor.at(2, 0), tensor.at(0), tensor.at(0, -1)]).toEqual([
      3,
      4,
      undefined,
      undefined,
      undefined,
    ]);
  });

  it("of half floats comes as float32", async () => {
    const { elementType, data } = await tensorOf("halves");
    expect(elementType).toBe("float16");
    const smallest = 2 ** -24;
    expect(data).toEqual(Float32Array.of(0, 1.5, -2, 65504, smallest, Number.POSITIVE_INFINITY, Number.NaN));
  });

  it("may have one element or none", async () => {
    expect((await tensorOf("scalarLike")).at(0)).toBe(7);
    expect(await tensorOf("noElements")).toMatchObject({ shape: [0, 4], data: new Uint16Array(0) });
  });

  it("is a view where its address allows it, and a copy where somebody keeps the bytes", async () => {
    const bytes = Buffer.from(GOLDEN_VALUES.scalarLike);
    const view = (await decodeOpaque(bytes, FRESH)) as Tensor;
    const copy = (await decodeOpaque(bytes, SHARED)) as Tensor;
    bytes.fill(9, bytes.indexOf(7, bytes.length - 64));
    expect([view.at(0), copy.at(0)]).toEqual([9, 7]);
  });

  it("is refused at every cut, never misread", async () => {
    const whole = GOLDEN_VALUES.matrix;
    const end = 4 + whole.subarray(4).lastIndexOf(6) + 1;
    for (let length = 4; length < end; length++) {
      await expect(decodeOpaque(whole.subarray(0, length), FRESH), `${length} bytes`).rejects.toThrow(
        expect.objectContaining({ code: "UNREADABLE_VALUE" }),
      );
    }
  });
});

describe("Arrow data inside an opaque value", () => {
  it.each(["table", "recordBatch"] as const)("comes as a table: %s", async (name) => {
    const table = (await decodeOpaque(GOLDEN_VALUES[name], FRESH)) as Table;
    expect(table.toArray().map((row) => row?.toJSON())).toEqual([
      { n: 1, s: "a" },
      { n: null, s: "b" },
      { n: 3, s: null },
    ]);
  });

  it("comes as a table of flechette, or as bytes", async () => {
    const flechette = await decodeOpaque(GOLDEN_VALUES.table, { tables: "flechette", shared: false });
    expect(flechette).toBeInstanceOf(FlechetteTable);
    const ipc = await decodeOpaque(GOLDEN_VALUES.table, { tables: "ipc", shared: false });
    expect(ipc).toBeInstanceOf(IpcTable);
    expect(
      Buffer.from((ipc as IpcTable).bytes)
        .subarray(-8)
        .toString("hex"),
    ).toBe("ffffffff00000000");
  });

  it("of one array comes as that column", async () => {
    const vector = (await decodeOpaque(GOLDEN_VALUES.array, FRESH)) as Vector;
    expect(vector.toArray()).toEqual(vectorFromArray(Float64Array.of(1.5, 2.5)).toArray());
    const column = await decodeOpaque(GOLDEN_VALUES.array, { tables: "flechette", shared: false });
    expect([...(column as Iterable<number>)]).toEqual([1.5, 2.5]);
    expect(await decodeOpaque(GOLDEN_VALUES.array, { tables: "ipc", shared: false })).toBeInstanceOf(
      IpcTable,
    );
  });

  it("that is cut is refused", async () => {
    const cut = GOLDEN_VALUES.table.subarray(0, GOLDEN_VALUES.table.length - 60);
    await expect(decodeOpaque(cut, FRESH)).rejects.toThrow(/UNREADABLE_VALUE.*tagged as a table/);
  });
});
