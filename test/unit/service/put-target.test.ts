/**
 * What a put is aimed at, told by its descriptor.
 */
import { describe, expect, it } from "vitest";
import { encodeDescriptor, type TextDescriptor } from "../../../src/flight/descriptor.ts";
import { parseObjectDescriptor, parsePutTarget } from "../../../src/service/flight/put-target.ts";

const path = (...parts: string[]): TextDescriptor => ({ kind: "path", path: parts });
const command = (text: string): TextDescriptor => ({ kind: "command", command: text });
const KEY = { applicationId: "app", sessionId: "session", objectId: "object" };

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

describe("a put", () => {
  it.each([
    ["one element", path("app/session/object")],
    ["three elements", path("app", "session", "object")],
    ["two elements", path("app/session", "object")],
  ])("by a path of %s is aimed at the joined key", (_, descriptor) => {
    expect(parsePutTarget(descriptor)).toEqual({ kind: "object", key: KEY });
  });

  it.each([
    ["one element", path("app/session")],
    ["two elements", path("app", "session")],
  ])("by a path of %s that is a prefix is aimed at the session", (_, descriptor) => {
    const prefix = { applicationId: "app", sessionId: "session" };
    expect(parsePutTarget(descriptor)).toEqual({ kind: "session", prefix });
  });

  it("by the command PATCH is aimed at an object that is there", () => {
    expect(parsePutTarget(command("PATCH:app/session/object"))).toEqual({ kind: "patch", key: KEY });
  });

  it("may name a key with colons", () => {
    const key = { ...KEY, objectId: "run:7" };
    expect(parsePutTarget(command("PATCH:app/session/run:7"))).toEqual({ kind: "patch", key });
    expect(parsePutTarget(path("app/session/run:7"))).toEqual({ kind: "object", key });
  });

  it.each([
    ["an empty path", path()],
    ["an application alone", path("app")],
    ["four components", path("app/session/object/more")],
    ["an empty element", path("app", "", "object")],
    ["a way out", path("app", "..", "object")],
    ["a wildcard", path("app", "*")],
    ["a prefix to patch", command("PATCH:app/session")],
    ["nothing to patch", command("PATCH:")],
  ])("by %s is INVALID_KEY", (_, descriptor) => {
    expect(() => parsePutTarget(descriptor)).toThrow(refused("INVALID_KEY"));
  });

  it.each(["", "patch:app/session/object", "PATCH app/session/object", "GET:app/session/object"])(
    "by the command %j is INVALID_REQUEST",
    (text) => {
      expect(() => parsePutTarget(command(text))).toThrow(refused("INVALID_REQUEST"));
    },
  );
});

describe("a call about one object", () => {
  it("names it by a path, which is given back as it came", () => {
    const descriptor = path("app/session", "object");
    expect(parseObjectDescriptor(encodeDescriptor(descriptor))).toEqual({ key: KEY, descriptor });
  });

  it("by a command is INVALID_REQUEST, by a prefix INVALID_KEY", () => {
    expect(() => parseObjectDescriptor(encodeDescriptor(command("app/session/object")))).toThrow(
      refused("INVALID_REQUEST"),
    );
    expect(() => parseObjectDescriptor(encodeDescriptor(path("app/session")))).toThrow(
      refused("INVALID_KEY"),
    );
  });
});
