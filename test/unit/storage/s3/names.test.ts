import { assert as check, property, string } from "fast-check";
import { describe, expect, it } from "vitest";
import { LIMITS } from "../../../../src/limits.ts";
import { checkKeyComponent, formatObjectKey, type ObjectKey } from "../../../../src/object/object-key.ts";
import {
  formatBlobName,
  formatManifestName,
  formatNamePrefix,
  parseBlobName,
  parseManifestName,
  randomId,
} from "../../../../src/storage/s3/names.ts";

const LONG = "é".repeat(LIMITS.keyComponentBytesMax / 2);
const ID = "0123456789abcdef0123456789abcdef";

function keyOf(applicationId: string, sessionId = "s", objectId = "o"): ObjectKey {
  return { applicationId, sessionId, objectId };
}

function isComponent(text: string): boolean {
  try {
    return checkKeyComponent(text) === text;
  } catch {
    return false;
  }
}

const component = string({ unit: "binary", minLength: 1, maxLength: 60 }).filter(isComponent);

describe("the name of a manifest", () => {
  it("keeps plain components and escapes every other byte", () => {
    expect(formatManifestName(keyOf("app-1", "S_2.x", "a b!é"))).toBe("m/app-1/S_2.x/a!20b!21!C3!A9");
  });

  it("leads back to its key, whatever the key contains", () => {
    check(
      property(component, component, component, (app, session, object) => {
        const key = keyOf(app, session, object);
        expect(parseManifestName(formatManifestName(key))?.key).toEqual(key);
      }),
    );
  });

  it("differs for different keys", () => {
    check(
      property(component, component, (one, other) => {
        const isSame = formatManifestName(keyOf(one)) === formatManifestName(keyOf(other));
        expect(isSame).toBe(one === other);
      }),
    );
  });

  it("hashes a component that gets too long, and says nothing about its key", () => {
    const name = formatManifestName(keyOf(LONG));
    expect(name).toMatch(/^m\/!![0-9a-f]{64}\/s\/o$/);
    expect(parseManifestName(name)).toEqual({ manifestName: name });
    expect(name).not.toBe(formatManifestName(keyOf(`${LONG.slice(1)}e`)));
  });

  it("has no part over 240 bytes, and with the longest prefix no more than S3 accepts", () => {
    const longest = "x".repeat(LIMITS.keyComponentBytesMax - 20) + "é".repeat(10);
    const name = formatBlobName({ applicationId: longest, sessionId: longest, objectId: longest }, ID);
    expect(Math.max(...name.split("/").map((part) => part.length))).toBe(LIMITS.bucketNamePartBytesMax);
    const longestName = `${"p".repeat(LIMITS.bucketPrefixBytesMax)}/q/m${name.slice(1)}`;
    expect(longestName).toHaveLength(1024);
  });

  it.each([
    "m/a/b",
    "m/a/b/c/d",
    "m/a/b/",
    "m/a/b/!2f",
    "m/a/b/!41",
    "m/a/b/!FF",
    "m/a/b/.hidden",
    "m/a/b/c d",
    "m/a/b/!!short",
    `m/a/b/${"x".repeat(241)}`,
    "d/a/b/c",
    "floor",
    "",
  ])("is not %j", (name) => {
    expect(parseManifestName(name)).toBeUndefined();
  });
});

describe("the name of a blob", () => {
  it("leads back to its manifest and its identifier", () => {
    const key = keyOf("a", "b", "c d");
    const name = formatBlobName(key, ID);
    expect(name).toBe(`d/a/b/c!20d/${ID}`);
    expect(parseBlobName(name)).toEqual({ manifestName: formatManifestName(key), key, id: ID });
  });

  it.each([`d/a/b/c/${ID}0`, `d/a/b/c/${ID.toUpperCase()}`, `d/a/b/${ID}`, `m/a/b/c/${ID}`, "d/"])(
    "is not %j",
    (name) => {
      expect(parseBlobName(name)).toBeUndefined();
    },
  );

  it("is a fresh one each time", () => {
    expect(new Set(Array.from({ length: 1000 }, randomId)).size).toBe(1000);
  });
});

describe("the prefix of a scope", () => {
  it.each([
    [{}, "m/"],
    [{ applicationId: "a b" }, "m/a!20b/"],
    [{ applicationId: "a", sessionId: "s" }, "m/a/s/"],
  ])("%j is %s", (scope, prefix) => {
    expect(formatNamePrefix("m/", scope)).toBe(prefix);
  });

  it("is a prefix of exactly the names in the scope", () => {
    const prefix = formatNamePrefix("m/", { applicationId: "a" });
    const names = [keyOf("a"), keyOf("ab"), keyOf("a!"), keyOf("A")].map(formatManifestName);
    expect(names.filter((name) => name.startsWith(prefix))).toEqual([formatManifestName(keyOf("a"))]);
    expect(formatObjectKey(keyOf("a"))).toBe("a/s/o");
  });
});
