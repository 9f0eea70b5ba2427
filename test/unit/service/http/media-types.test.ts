/**
 * `Accept`, `Content-Type` and the choice of a form.
 */
import { describe, expect, it } from "vitest";
import { parseAccept, parseBodyForm } from "../../../../src/service/http/media-types.ts";
import { formChooser } from "../../../../src/service/http/objects/object-forms.ts";

const STREAM = "application/vnd.apache.arrow.stream";
const FILE = "application/vnd.apache.arrow.file";

describe("Accept", () => {
  it.each([
    [undefined, STREAM, 1],
    ["", STREAM, 1],
    ["*/*", STREAM, 1],
    ["text/html, */*;q=0.8", STREAM, 0.8],
    [`${STREAM};q=0.5, application/*;q=0.9`, STREAM, 0.5],
    [`${STREAM};q=0.5, application/*;q=0.9`, FILE, 0.9],
    [`${STREAM};q=0, */*`, STREAM, 0],
    ["application/JSON; charset=utf-8", "application/json", 1],
    ["text/html", STREAM, 0],
  ])("%j wants %s by %d", (header, mediaType, expected) => {
    expect(parseAccept(header)(mediaType)).toBe(expected);
  });

  it.each([
    ["*/*", "table", "stream"],
    ["*/*", "opaque", "value"],
    [FILE, "table", "file"],
    [`${STREAM};q=0.1, ${FILE}`, "table", "file"],
    [STREAM, "opaque", "stream"],
    ["application/json", "opaque", "value"],
    ["application/json", "table", undefined],
    ["application/octet-stream", "table", undefined],
    ["image/png", "opaque", undefined],
  ] as const)("%s of a kind %s chooses %s", (accept, kind, form) => {
    expect(formChooser(null, accept)(kind)?.form).toBe(form);
  });

  it("is overridden by the parameter format", () => {
    expect(formChooser("file", "application/json")("table")?.form).toBe("file");
    expect(formChooser("value", undefined)("table")).toBeUndefined();
    expect(() => formChooser("parquet", undefined)).toThrow(
      expect.objectContaining({ code: "INVALID_REQUEST" }),
    );
  });
});

describe("Content-Type", () => {
  it.each([
    [undefined, "bytes"],
    ["application/octet-stream", "bytes"],
    [STREAM, "stream"],
    [` ${FILE} `, "file"],
    ["application/json; charset=UTF-8", "json"],
    ['text/plain;charset="utf-8"', "text"],
    ["text/csv", "text"],
  ])("%j is a body of %s", (header, form) => {
    expect(parseBodyForm(header, undefined)).toBe(form);
  });

  it.each(["application/x-www-form-urlencoded", "image/png", "nonsense", "", "text/plain; charset=latin1"])(
    "%j is UNSUPPORTED_MEDIA_TYPE",
    (header) => {
      expect(() => parseBodyForm(header, undefined)).toThrow(
        expect.objectContaining({ code: "UNSUPPORTED_MEDIA_TYPE" }),
      );
    },
  );

  it("with a content encoding is UNSUPPORTED_MEDIA_TYPE", () => {
    expect(parseBodyForm(STREAM, "identity")).toBe("stream");
    expect(() => parseBodyForm(STREAM, "gzip")).toThrow(
      expect.objectContaining({ code: "UNSUPPORTED_MEDIA_TYPE" }),
    );
  });
});
