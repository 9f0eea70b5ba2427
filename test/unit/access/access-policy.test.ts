/**
 * What rules allow: one table of identities, verbs and patterns.
 *
 * test/e2e/ sends the same kinds of calls over gRPC and HTTP.
 */
import { describe, expect, it } from "vitest";
import { AccessPolicy, type AccessRule, type AccessVerb } from "../../../src/access/access-policy.ts";
import { KeyGlob } from "../../../src/access/key-glob.ts";
import type { KeyPattern } from "../../../src/object/object-key.ts";

const allow = (verbs: AccessVerb[], ...patterns: string[]): AccessRule => ({
  effect: "allow",
  verbs,
  patterns,
});
const deny = (verbs: AccessVerb[], ...patterns: string[]): AccessRule => ({
  effect: "deny",
  verbs,
  patterns,
});

function pattern(text: string): KeyPattern {
  const [applicationId = "", sessionId = "", objectId = ""] = text.split("/");
  if (text === "") return { scope: "all" };
  if (sessionId === "") return { scope: "application", applicationId };
  if (objectId === "") return { scope: "session", applicationId, sessionId };
  return { scope: "object", key: { applicationId, sessionId, objectId } };
}

const WORKER = [
  allow(["get", "list"], "*"),
  allow(["put", "patch", "delete"], "${identity}/*", "shared/run-*/*"),
  deny(["get", "put"], "*/secret/*"),
  deny(["delete"], "shared/run-1/model"),
];

describe("a policy", () => {
  it.each([
    ["get", "app/s/x", true],
    ["get", "app/s", true],
    ["get", "app/secret/x", false],
    ["get", "app/secret", false],
    ["get", "app", false],
    ["get", "", false],
    ["list", "", true],
    ["list", "app/secret", true],
    ["put", "worker-7/s/x", true],
    ["put", "worker-7/s", true],
    ["put", "worker-7/secret/x", false],
    ["put", "worker-77/s/x", false],
    ["put", "shared/run-1/x", true],
    ["put", "shared/run-/x", true],
    ["put", "shared/run/x", false],
    ["put", "shared", false],
    ["delete", "shared/run-1/x", true],
    ["delete", "shared/run-1/model", false],
    ["delete", "shared/run-1", false],
    ["delete", "shared/run-2", true],
    ["delete", "worker-7", true],
    ["patch", "worker-7/secret/x", true],
    ["admin", "", false],
  ] as const)("answers %s on %j with %s", (verb, text, isAllowed) => {
    expect(new AccessPolicy(WORKER, "worker-7").allows(verb, pattern(text))).toBe(isAllowed);
  });

  it("denies everything without rules", () => {
    const policy = new AccessPolicy([], "nobody");
    expect(policy.allows("get", pattern("a/b/c"))).toBe(false);
    expect(policy.listScope(pattern(""))).toBe("none");
    expect(policy.allowsEverything).toBe(false);
  });

  it.each([
    ["", "some"],
    ["a", "some"],
    ["a/b", "all"],
    ["a/c", "none"],
    ["a/b/x", "all"],
    ["a/c/x", "none"],
    ["b", "none"],
  ])("lists of %j: %s", (text, scope) => {
    const rules = [allow(["list"], "a/b/*", "a/d/*"), deny(["list"], "a/d/hidden")];
    expect(new AccessPolicy(rules, "x").listScope(pattern(text))).toBe(scope);
  });
});

describe("a pattern", () => {
  it.each([
    ["*", "a/b/c", true],
    ["a/*", "a/b/c", true],
    ["a/b/*", "a/b/c", true],
    ["a/b/c", "a/b/c", true],
    ["*/b/*", "a/b/c", true],
    ["a*/*", "abc/b/c", true],
    ["*bc/*", "abc/b/c", true],
    ["a*c/*", "abc/b/c", true],
    ["a*c*e/*", "abcde/b/c", true],
    ["ab*ba/*", "aba/b/c", false],
    ["a*b*b/*", "ab/b/c", false],
    ["a/b/c*", "a/b/d", false],
  ])("%s covers %s: %s", (text, key, covers) => {
    expect(KeyGlob.parse(text, "me").covers(pattern(key))).toBe(covers);
  });

  it("takes a star in an identity's name literally", () => {
    const glob = KeyGlob.parse("${identity}/*", "a*");
    expect(glob.covers(pattern("ab/s/x"))).toBe(false);
    expect(glob.covers(pattern("a*/s/x"))).toBe(true);
  });

  it.each(["", "a", "a/b", "a//c", "a/b/c/d", "/a/b", "a/b\u0000/c", "../b/c"])("cannot be %j", (text) => {
    expect(() => KeyGlob.parse(text, "me")).toThrow(/\[INVALID_CONFIG\] a pattern must be/);
  });

  it("with many stars is as fast as its component is long", () => {
    const glob = KeyGlob.parse(`${"a*".repeat(90)}b/*`, "me");
    expect(glob.covers(pattern(`${"a".repeat(200)}/s/x`))).toBe(false);
  });
});
