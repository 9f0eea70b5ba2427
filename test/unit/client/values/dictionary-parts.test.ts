import { describe, expect, it } from "vitest";
import { decodeMessage } from "../../../../src/arrow/message.ts";
import { DictionaryParts } from "../../../../src/client/values/dictionary-parts.ts";
import { splitIpc } from "../../../../src/client/values/ipc-messages.ts";
import { LIMITS } from "../../../../src/limits.ts";
import { goldenStream } from "../../arrow/golden.ts";

/** Headers of a stream's dictionaries, in order. */
function dictionaries(name: string): Uint8Array[] {
  const headers = splitIpc(goldenStream(name)).batches.map(({ header }) => header);
  return headers.filter((header) => decodeMessage(header).kind === "dictionaryBatch");
}

describe("the dictionaries of a table that is read as it arrives", () => {
  // Memory that nobody writes to costs nothing.
  const large = new Uint8Array(0.4 * LIMITS.streamedDictionariesBytesMax);

  it("are given up when their deltas never end", () => {
    const [first, delta] = dictionaries("deltas");
    const parts = new DictionaryParts();
    parts.take(first!, large);
    parts.take(delta!, large);
    expect(() => parts.take(delta!, large)).toThrow(expect.objectContaining({ code: "OBJECT_TOO_LARGE" }));
  });

  it("are given up when their deltas are empty and never end", () => {
    const [first, delta] = dictionaries("deltas");
    const parts = new DictionaryParts();
    const left = 100 * LIMITS.fetchedMessageBytes;
    parts.take(first!, new Uint8Array(LIMITS.streamedDictionariesBytesMax - left));
    const taking = () => {
      for (let times = 0; times < 100; times += 1) parts.take(delta!, new Uint8Array(0));
    };
    expect(taking).toThrow(expect.objectContaining({ code: "OBJECT_TOO_LARGE" }));
  });

  it("make room for those that replace them", () => {
    const [first] = dictionaries("replaced");
    const parts = new DictionaryParts();
    for (let times = 0; times < 10; times += 1) expect(parts.take(first!, large)).toBe(true);
    expect(parts.parts()).toHaveLength(1);
  });
});
