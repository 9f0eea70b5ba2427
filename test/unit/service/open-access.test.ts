/**
 * The access file of a server over a bucket: it cannot keep quotas of what callers hold.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import type { StorageConfig } from "../../../src/config/cache-config.ts";
import { openAccess } from "../../../src/service/open-access.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const BUCKET: StorageConfig = {
  kind: "s3",
  bucket: "bucket",
  prefix: "",
  endpoint: undefined,
  region: undefined,
  pathStyle: undefined,
  maxStalenessMs: 0,
  localCache: undefined,
};
const RATES = "quota: {puts_per_second: 5, bytes_per_second: 1M}";

function accessFile(text: string): string {
  const directory = temporaryDirectory("access");
  onTestFinished(() => directory.remove());
  const file = join(directory.path, "access.yaml");
  writeFileSync(file, text);
  return file;
}

function open(file: string, storage: StorageConfig) {
  const access = openAccess({ access: { file, isRequired: false }, storage });
  onTestFinished(() => access.close?.());
  return access;
}

const identity = (quota = RATES): string =>
  `identities: [{name: worker, rules: [{allow: [get], on: ["*"]}], ${quota}}]\n`;
const application = (quota: string): string => `${identity()}applications: [{name: app, ${quota}}]\n`;

it.each([
  ["bytes of an application", application("quota: {bytes: 1G}"), 'application "app"'],
  ["objects of an application", application("quota: {objects: 5}"), 'application "app"'],
  ["bytes of an identity", identity("quota: {bytes: 1G, puts_per_second: 5}"), 'identity "worker"'],
])("with a quota of %s is refused over a bucket, and taken over files", (_, text, subject) => {
  const file = accessFile(text);
  expect(() => open(file, BUCKET)).toThrow(
    expect.objectContaining({ code: "INVALID_CONFIG", message: expect.stringContaining(subject) }),
  );
  expect(open(file, { kind: "files", directory: "/nonexistent" }).isOn).toBe(true);
});

it("with rates is taken over a bucket", () => {
  expect(open(accessFile(application(RATES)), BUCKET).isOn).toBe(true);
});

it("keeps its rules when the changed file has such a quota", () => {
  const file = accessFile(application(RATES));
  const access = open(file, BUCKET);
  const taken: unknown[] = [];
  access.followQuotas?.(({ applications }) => taken.push(applications.get("app")));
  writeFileSync(file, application("quota: {bytes: 1G}"));
  access.reload?.();
  expect(taken).toEqual([expect.objectContaining({ putsPerSecond: 5 })]);
});
