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

  it.each([
    ["s3://bucket", "bucket", ""],
    ["S3://bucket/", "bucket", ""],
    ["s3://bucket/caches/one/", "bucket", "caches/one"],
  ])("reads %s as a bucket and a prefix", (text, bucket, prefix) => {
    expect(resolveStorage(storageLocationSchema.parse(text), CONTEXT)).toMatchObject({
      kind: "s3",
      bucket,
      prefix,
    });
  });

  it.each([
    "",
    "fs://",
    "s3://",
    "s3://bucket/a//c",
    "s3://bucket/a b",
    `s3://bucket/${"x".repeat(300)}`,
    "http://x",
    "/a\0b",
  ])("refuses %j", (text) => {
    expect(storageLocationSchema.safeParse(text).success).toBe(false);
  });
});
