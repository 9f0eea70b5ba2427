/**
 * The texts by which lists and deletes name many objects.
 */
import { describe, expect, it } from "vitest";
import { parseDeletePattern, parseListPattern } from "../../../src/service/key-pattern.ts";

const APPLICATION = { scope: "application", applicationId: "app" };
const SESSION = { scope: "session", applicationId: "app", sessionId: "session" };
const OBJECT = {
  scope: "object",
  key: { applicationId: "app", sessionId: "session", objectId: "object" },
};
const INVALID_KEY = expect.objectContaining({ code: "INVALID_KEY" });

describe("a list", () => {
  it.each([
    ["", { scope: "all" }],
    ["app", APPLICATION],
    ["app/*", APPLICATION],
    ["app/session", SESSION],
    ["app/session/object", OBJECT],
    ["app:session", { ...APPLICATION, applicationId: "app:session" }],
  ])("of %j names what it says", (text, pattern) => {
    expect(parseListPattern(text)).toEqual(pattern);
  });

  it.each([
    "/",
    "*",
    "*/*",
    "app/",
    "/session",
    "app/*/object",
    "app/session/*",
    "app/session/object/x",
    "../app",
  ])("of %j is INVALID_KEY", (text) => {
    expect(() => parseListPattern(text)).toThrow(INVALID_KEY);
  });
});

describe("a delete", () => {
  it.each([
    ["app/*", APPLICATION],
    ["app/session", SESSION],
    ["app:session", SESSION],
    ["app/session/object", OBJECT],
    ["app/se:ssion", { ...SESSION, sessionId: "se:ssion" }],
  ])("of %j names what it says", (text, pattern) => {
    expect(parseDeletePattern(text)).toEqual(pattern);
  });

  it.each([
    "",
    "app",
    "*",
    "app:",
    ":session",
    "a:b:c",
    "app:*",
    "app/",
    "app/session/*",
    "*/session",
    "app/../x",
  ])("of %j is INVALID_KEY: nothing is deleted by a slip", (text) => {
    expect(() => parseDeletePattern(text)).toThrow(INVALID_KEY);
  });
});
