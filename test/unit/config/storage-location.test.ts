import { describe, expect, it } from "vitest";
import { resolveStorage, storageLocationSchema } from "../../../src/config/storage-location.ts";

const CONTEXT = { directory: "/base", userHome: "/users-own" };

describe("storage locations", () => {
  it.each(["none", "NONE", " none "])("reads %j as no storage", (text) => {
    expect(resolveStorage(storageLocationSchema.parse(text), CONTEXT)).toEqual({ kind: "none" });
  });

  it.each([
    ["/var/lib/cache", "/var/lib/cache"],
    ["fs:///var/lib/cache", "/var/lib/cache"],
    ["file:///var/lib/cache/", "/var/lib/cache"],
    ["FS:///x", "/x"],
    ["data", "/base/data"],
    ["fs://data/cache", "/base/data/cache"],
    ["file://data", "/base/data"],
    ["../data", "/data"],
    ["~/data", "/users-own/data"],
    ["fs://~/data", "/users-own/data"],
    ["~", "/users-own"],
    ["~other", "/base/~other"],
    ["fs:///a%20b", "/a%20b"],
  ])("reads %s as %s", (text, directory) => {
    expect(resolveStorage(storageLocationSchema.parse(text), CONTEXT)).toEqual({ kind: "files", directory });
  });

  it.each(["", "fs://", "s3://bucket/x", "http://x", "/a\0b"])("refuses %j", (text) => {
    expect(storageLocationSchema.safeParse(text).success).toBe(false);
  });
});
