import { describe, expect, it } from "vitest";
import { hexDump, readableValue, tagOf } from "../../../src/command/readable-value.ts";

function readable(bytes: Buffer | string, sizeBytes?: number) {
  const whole = Buffer.from(bytes as string, "latin1");
  return readableValue({ bytes: whole, sizeBytes: sizeBytes ?? whole.length });
}

const utf8 = (text: string): string => Buffer.from(text).toString("latin1");

describe("a value of the SDKs", () => {
  it("is shown as indented JSON by its tag", () => {
    const { kind, text, json } = readable(`FLM\x05${utf8('{"n":[1,2],"ä":null}')}`);
    expect(kind).toBe("json");
    expect(text).toBe('{\n  "n": [\n    1,\n    2\n  ],\n  "ä": null\n}\n');
    expect(json).toEqual({ value: { n: [1, 2], ä: null } });
  });

  it("keeps whole numbers that JavaScript would change", () => {
    expect(readable('FLM\x05{"n":12345678901234567890}').text).toBe('{"n":12345678901234567890}\n');
  });

  it("is shown as text when its JSON is cut, and as bytes when it is none", () => {
    expect(readable('FLM\x05{"n":1', 100).kind).toBe("text");
    expect(readable("FLM\x05{nonsense").text).toMatch(/^tagged as JSON, but invalid, 9 B\n00000000 {2}7b 6e/);
  });

  it("is shown as it stands when its JSON is deep, and not taken apart when it is too deep for readers", () => {
    const nested = (depth: number) => `${"[".repeat(depth)}"[{"${"]".repeat(depth)}`;
    expect(readable(`FLM\x05${nested(2)}`).text).toBe('[\n  [\n    "[{"\n  ]\n]\n');
    expect(readable(`FLM\x05${nested(33)}`)).toMatchObject({ kind: "json", text: `${nested(33)}\n` });
    expect(readable(`FLM\x05${nested(501)}`)).toMatchObject({ kind: "text", text: `${nested(501)}\n` });
    expect(readable(`FLM\x05${nested(500_000)}`)).toMatchObject({ kind: "text" });
    expect(readable(`FLM\x05${"[".repeat(1_000_000)}`)).toMatchObject({ kind: "text" });
  });

  it("counts no brackets in the strings of JSON", () => {
    const text = JSON.stringify({ a: `\\"${"[".repeat(600)}` });
    expect(readable(`FLM\x05${text}`)).toMatchObject({ kind: "json", json: { value: JSON.parse(text) } });
    const quoted = JSON.stringify({ a: '\\"'.repeat(100_000) });
    expect(readable(`FLM\x05${quoted.slice(0, -2)}`).kind).toBe("json");
  });

  it("is shown without its tag when it is bytes", () => {
    expect(readable("FLM\x06plain").text).toBe("plain\n");
    expect(readable("FLM\x06\x00\x01").text).toMatch(/^binary, 2 B\n00000000 {2}00 01 /);
  });

  it.each([
    ["FLM\x00\x80\x05K\x01.", "by its tag"],
    ["\x80\x04K\x01.", "by its first bytes"],
  ])("is named and not read when it is a pickle, told %#", (bytes) => {
    const { kind, text } = readable(bytes);
    expect(kind).toBe("pickle");
    expect(text).toContain("a pickled Python value");
    expect(text).toContain("flame_object_cache.get_object");
  });

  it("is named when it is a numpy array, or of a tag that is not known here", () => {
    expect(readable("FLM\x01....").text).toContain("numpy array");
    expect(readable("FLM\x1f....").text).toContain("a value with the tag 464c4d1f");
    expect(tagOf(Buffer.from("FLM\x1f"))).toBe("unknown");
  });
});

describe("an uploaded file", () => {
  it("is shown as it is when it is text, with an end of line behind it", () => {
    expect(readable(utf8("grün\n\tzwei")).text).toBe("grün\n\tzwei\n");
    expect(readable("").text).toBe("");
  });

  it("says how much is left, and shows no half character", () => {
    const cut = Buffer.from("aä").subarray(0, 2);
    expect(readable(cut, 2000).text).toBe("a\n… 1.95 KiB more: get -o FILE brings it all\n");
  });

  it("cannot steer a terminal", () => {
    expect(readable("a\u001b[31mb").text).toMatch(/^binary, 7 B/);
    expect(readable(utf8("a\u202eb")).text).toBe("a\\u202eb\n");
  });

  it("is dumped up to a bound when it is binary", () => {
    const { text, json } = readable(Buffer.alloc(4096, 0xff));
    expect(text.split("\n")).toHaveLength(1 + 32 + 2);
    expect(text).toContain("… 3.50 KiB more");
    expect(json).toEqual({ hex: "ff".repeat(512) });
  });
});

describe("a hex dump", () => {
  it("has sixteen bytes a line, with their place and their text", () => {
    expect(hexDump(Buffer.from("0123456789abcdef\x00~\x7f"))).toBe(
      "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  |0123456789abcdef|\n" +
        "00000010  00 7e 7f                                          |.~.|\n",
    );
  });
});
