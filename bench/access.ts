/**
 * What access rules cost a call: the identification of its caller and one check of its key, in microseconds of
 * processor time.
 *
 * `npx tsx bench/access.ts`. A call is what flight-service.ts does before and around a handler: `identify`, the
 * context of the identity, and `allows` for one key. Rounds of all callers alternate; the median of the rounds counts.
 */
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AccessControl, type Credentials, OPEN_ACCESS } from "../src/access/access-control.ts";
import { FileAccess } from "../src/access/file-access.ts";
import type { Identity } from "../src/access/identity.ts";
import { hashPassword } from "../src/access/password.ts";

const ROUNDS = 31;
const CALLS = 20_000;
const IDENTITIES = 1000;
const TOKEN = `flame_${"x".repeat(43)}`;

const key = { applicationId: "app-17", sessionId: "session-1", objectId: "object-1" };
const pattern = { scope: "object", key } as const;

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

async function accessText(): Promise<string> {
  const others = Array.from({ length: IDENTITIES }, (_, i) => {
    const token = `{id: t${i}x, sha256: "${sha256(`token ${i}`)}"}`;
    return `  - name: other-${i}\n    rules: [{allow: [get], on: ["app-${i}/*"]}]\n    tokens: [${token}]`;
  });
  const many = Array.from({ length: 20 }, (_, i) => `{allow: [get], on: ["run-${i}-*/*", "x${i}/s/*"]}`);
  return [
    "identities:",
    ...others,
    `  - name: few\n    rules: [{allow: [get, put, list], on: ["app-*/*"]}, {deny: [get], on: ["*/secret/*"]}]`,
    `    tokens: [{id: few, sha256: "${sha256(TOKEN)}"}]`,
    `    password: ${await hashPassword("password")}`,
    `    certificates: ["DNS:few.example"]`,
    `  - name: many\n    rules: [${many.join(", ")}, {allow: [get], on: ["app-*/*"]}]`,
    `    tokens: [{id: many, sha256: "${sha256(`${TOKEN}y`)}"}]`,
  ].join("\n");
}

/** Microseconds of one call. */
function timeOf(access: AccessControl, credentials: Credentials): number {
  const contexts = new WeakMap<Identity, object>();
  let allowed = 0;
  const start = process.cpuUsage();
  for (let i = 0; i < CALLS; i++) {
    if (!access.isOn) {
      allowed += 1;
      continue;
    }
    const identity = access.identify(credentials) as Identity;
    if (contexts.get(identity) === undefined) contexts.set(identity, identity);
    if (identity.policy.allows("get", pattern)) allowed += 1;
  }
  const { user, system } = process.cpuUsage(start);
  const spent = (user + system) / CALLS;
  if (allowed !== CALLS) throw new Error("a call was denied");
  return spent;
}

const directory = mkdtempSync(join(tmpdir(), "flame-access-"));
const file = join(directory, "access.yaml");
writeFileSync(file, await accessText());
const access = new FileAccess(file);
try {
  const nobody: Credentials = { authorization: undefined, certificate: undefined, address: "127.0.0.1" };
  const basic = { ...nobody, authorization: `Basic ${Buffer.from("few:password").toString("base64")}` };
  await access.identify(basic);
  const bearer = `Bearer ${await access.issueToken(basic)}`;
  const certificate = { commonName: "few", alternativeNames: ["DNS:few.example"] };
  const callers: readonly (readonly [string, AccessControl, Credentials])[] = [
    ["no access file", OPEN_ACCESS, nobody],
    ["bearer token, 2 rules", access, { ...nobody, authorization: `Bearer ${TOKEN}` }],
    ["bearer token, 21 rules", access, { ...nobody, authorization: `Bearer ${TOKEN}y` }],
    ["token of a handshake, 2 rules", access, { ...nobody, authorization: bearer }],
    ["name and password, 2 rules", access, basic],
    ["client certificate, 2 rules", access, { ...nobody, certificate }],
  ];
  const rounds = callers.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [at, [, control, credentials]] of callers.entries())
      rounds[at]!.push(timeOf(control, credentials));
  }
  for (const [at, [title]] of callers.entries()) {
    const sorted = rounds[at]!.toSorted((a, b) => a - b);
    const [median, worst] = [sorted[ROUNDS >> 1]!, sorted.at(-1)!];
    process.stdout.write(`${title.padEnd(32)}${median.toFixed(3)} us (slowest round ${worst.toFixed(3)})\n`);
  }
} finally {
  access.close();
  rmSync(directory, { recursive: true });
}
