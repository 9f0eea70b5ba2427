import { describe, expect, it } from "vitest";
import { objectInfo } from "../../../../src/client/cache/object-info.ts";
import { answeredRef } from "../../../../src/client/cache/object-target.ts";
import { encodeObjectRef } from "../../../../src/object/object-ref.ts";

const REFUSED = expect.objectContaining({ code: "INVALID_REQUEST" });

function encoded(key: string): Uint8Array {
  return encodeObjectRef({ endpoint: "grpc://127.0.0.1:1", key, version: 1 });
}

describe("a reference that a server answers with", () => {
  it("is taken when its key keeps the rules for names", () => {
    expect(answeredRef(encoded("app/session/object"))).toMatchObject({
      key: "app/session/object",
      version: 1,
    });
  });

  const keys = [
    "../../etc/passwd",
    "app/../object",
    "/etc/passwd",
    "app/session/.ssh",
    "app/session/a\u001b",
    "app/session",
    "",
  ];
  it.each(keys)("is refused when it could lead out of a directory, or is none: %j", (key) => {
    expect(() => answeredRef(encoded(key))).toThrow(REFUSED);
    const info = {
      schema: Buffer.alloc(0),
      descriptor: undefined,
      endpoints: [],
      totalRecords: 1,
      totalBytes: 1,
    };
    expect(() => objectInfo({ ...info, appMetadata: Buffer.from(encoded(key)) })).toThrow(REFUSED);
  });
});
