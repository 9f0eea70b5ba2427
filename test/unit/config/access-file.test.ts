import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { ACCESS_GRAMMAR } from "../../../src/access/access-table.ts";
import { type AccessFile, parseAccessText, readAccessFile } from "../../../src/config/access-file.ts";
import { LIMITS } from "../../../src/limits.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const directory = temporaryDirectory("access-file");
afterAll(() => directory.remove());

const SHA256 = "0f".repeat(32);
const PASSWORD = `$scrypt$ln=14,r=8,p=5$${"a".repeat(22)}$${"b".repeat(43)}`;

const parse = (text: string): AccessFile => parseAccessText("access.yaml", text, ACCESS_GRAMMAR);
const identity = (rest: string): string => `identities:\n  - name: worker\n${rest}`;

describe("an access file", () => {
  it("has identities with rules and every kind of credentials", () => {
    const file = parse(`
identities:
  - name: worker-7
    rules:
      - allow: [get, list]
        on: ["app/*", "\${identity}/*"]
      - deny: [get]
        on: ["app/secret/*"]
    tokens:
      - {id: laptop, sha256: ${SHA256.toUpperCase()}, name: "Ann's laptop", expires: 2027-01-31T12:00:00Z}
      - {id: day, sha256: ${"1a".repeat(32)}, expires: 2027-01-31}
    password: ${PASSWORD}
    certificates: ["CN=worker-7", "DNS:worker-7.example", "URI:spiffe://flame/worker-7"]
    jwt: [subject-7]
    quota: {bytes: 10G, objects: 7, puts_per_second: 0.5, bytes_per_second: 1K}
applications:
  - {name: train, quota: {objects: 100}}
  - {name: "*", quota: {bytes: 1M}}
anonymous:
  rules:
    - {allow: [get], on: ["public/*"]}
jwt: {issuer: https://issuer.example}
`);
    expect(file.identities).toEqual([
      {
        name: "worker-7",
        rules: [
          { effect: "allow", verbs: ["get", "list"], patterns: ["app/*", "${identity}/*"] },
          { effect: "deny", verbs: ["get"], patterns: ["app/secret/*"] },
        ],
        tokens: [
          { id: "laptop", sha256: SHA256, name: "Ann's laptop", expiresMs: Date.UTC(2027, 0, 31, 12) },
          { id: "day", sha256: "1a".repeat(32), name: undefined, expiresMs: Date.UTC(2027, 0, 31) },
        ],
        password: PASSWORD,
        certificates: ["CN=worker-7", "DNS:worker-7.example", "URI:spiffe://flame/worker-7"],
        subjects: ["subject-7"],
        quota: { bytes: 10 * 1024 ** 3, objects: 7, putsPerSecond: 0.5, bytesPerSecond: 1024 },
      },
    ]);
    expect(file.anonymous).toEqual({ rules: [{ effect: "allow", verbs: ["get"], patterns: ["public/*"] }] });
    expect([...file.applicationQuotas]).toEqual([
      ["train", { objects: 100 }],
      ["*", { bytes: 1024 ** 2 }],
    ]);
    expect(file.jwt).toEqual({ issuer: "https://issuer.example" });
    expect(file.warnings).toEqual([]);
  });

  it.each([
    ["{objects: 0}", "identities[0].quota.objects must be a whole number of at least 1"],
    ["{objects: many}", "identities[0].quota.objects must be a whole number of at least 1"],
    ["{bytes: -1}", "identities[0].quota.bytes must be a size"],
    ["{puts_per_second: 0}", "identities[0].quota.puts_per_second must be a number above 0"],
    ["5", "identities[0].quota must be a mapping such as {bytes: 10G, objects: 100000}"],
  ])("refuses the quota %s", (quota, text) => {
    expect(() => parse(identity(`    quota: ${quota}`))).toThrow(text);
  });

  it("refuses two quotas of one application, and warns about an unknown limit", () => {
    const application = "{name: train, quota: {object: 5}}";
    const { warnings } = parse(`${identity("")}applications: [${application}]\n`);
    expect(warnings).toMatchObject([{ key: "applications[0].quota.object", suggestion: "objects" }]);
    expect(() => parse(`${identity("")}applications: [${application}, ${application}]\n`)).toThrow(
      "applications[1].name is already used",
    );
  });

  it("warns about unknown keys and suggests known ones", () => {
    const { warnings } = parse(
      identity("    token: []\n    quota: {bytes: 1G}\n    rules: [{allow: [get], on: ['*'], onn: 1}]"),
    );
    expect(warnings).toEqual([
      {
        text: "unknown key in the access file, ignored",
        key: "identities[0].token",
        source: "access.yaml:3",
        suggestion: "tokens",
      },
      {
        text: "unknown key in the access file, ignored",
        key: "identities[0].rules[0].onn",
        source: "access.yaml:5",
        suggestion: "on",
      },
    ]);
  });

  it.each([
    ["", "the access file names no identities; flame-object-cache token create adds one"],
    ["[]", "the access file must be a mapping with identities"],
    ["identities: 5", "identities must be a list of identities"],
    ["identities: [{rules: []}]", "identities[0].name must be a name"],
    ["identities: [{name: 7}]", "identities[0].name must be a name, in quotes if it looks like a number"],
    ["identities: [{name: 'a:b'}]", "identities[0].name must have at most 100 letters"],
    ["identities: [{name: a}, {name: a}]", "identities[1].name is already used (access.yaml:1)"],
    [identity("    rules: [{allow: [read], on: ['*']}]"), "rules[0].allow[0] must be one of get, put, patch"],
    [identity("    rules: [{allow: [get], on: ['app']}]"), "rules[0].on[0] must be *, app/*, app/session/*"],
    [identity("    rules: [{allow: [get]}]"), "rules[0].on must be a list of patterns"],
    [identity("    rules: [{on: ['*']}]"), "rules[0] must have either allow or deny"],
    [
      identity("    rules: [{allow: [get], deny: [put], on: ['*']}]"),
      "rules[0] must have either allow or deny",
    ],
    [
      identity(`    rules: [${"{allow: [get], on: ['*']}, ".repeat(101)}]`),
      "rules must have at most 100 rules",
    ],
    [identity("    tokens: [{id: x, sha256: 1234}]"), "tokens[0].sha256 must be"],
    [identity(`    tokens: [{id: x, sha256: ${SHA256}, expires: soon}]`), "tokens[0].expires must be a date"],
    [
      identity(`    tokens: [{id: x, sha256: ${SHA256}}, {id: y, sha256: ${SHA256}}]`),
      "tokens[1].sha256 is already used",
    ],
    [identity("    certificates: [worker]"), "certificates[0] must begin with CN=, DNS: or URI:"],
    ["anonymous: {}", "anonymous.rules must be a list of rules"],
    ["identities: [", "access.yaml:1 is not valid YAML"],
  ])("cannot be %j", (text, reason) => {
    expect(() => parse(text)).toThrow(reason);
    expect(() => parse(text)).toThrow(/\[INVALID_CONFIG\].*access\.yaml/);
  });

  it("keeps a password that was written in a wrong place out of its errors", () => {
    const secret = "hunter2-correct-horse";
    const wrong = [
      identity(`    password: ${secret}`),
      identity(`    tokens: [{id: x, sha256: "${secret}"}]`),
      identity(`    rules: [{allow: [${secret}], on: ["${secret}"]}]`),
      identity(`    tokens: ${secret}`),
      identity(`    password: *${secret}`),
      identity(`    password: "${secret}`),
      identity(`    password: !${secret} x\n  ${secret}: :`),
    ];
    for (const text of wrong) {
      const error = catchError(() => parse(text));
      expect(error.message).toContain("INVALID_CONFIG");
      expect(JSON.stringify([error.message, error, (error as { facts?: unknown }).facts])).not.toContain(
        secret,
      );
      expect(String(error.cause)).not.toContain(secret);
    }
  });

  it("is refused when it is missing, not a file, or too large, with the way out", () => {
    const read = (path: string) => () => readAccessFile(path, ACCESS_GRAMMAR);
    expect(read(join(directory.path, "none.yaml"))).toThrow(
      "does not exist; flame-object-cache token create",
    );
    expect(read(directory.path)).toThrow("is not a file");
    const large = join(directory.path, "large.yaml");
    writeFileSync(large, "#".repeat(LIMITS.accessFileBytesMax + 1));
    expect(read(large)).toThrow("is larger than");
  });
});

function catchError(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
}
