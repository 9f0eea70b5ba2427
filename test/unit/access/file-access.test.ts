import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { resetSync } from "@logtape/logtape";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Credentials } from "../../../src/access/access-control.ts";
import { FileAccess } from "../../../src/access/file-access.ts";
import type { Identity } from "../../../src/access/identity.ts";
import { digestOf, formatDigest } from "../../../src/access/token-digest.ts";
import { startLog } from "../../../src/log.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

/** Of "secret", with small parameters. */
const STORED = "$scrypt$ln=10,r=1,p=1$c2FsdHNhbHRzYWx0c2FsdA$gzWpUzHxuq5L5ifq8GanT7ztiolRl05J5qpGbQ0edqM";
const POLL_MS = 50;
const UNAUTHENTICATED = "[UNAUTHENTICATED] missing or invalid credentials";

let directory: TemporaryDirectory;
let file: string;
let access: FileAccess;
let log: string;

const sha256 = (token: string): string => formatDigest(digestOf(token));
const tokenLine = (token: string, more = ""): string => `{id: ${token}, sha256: "${sha256(token)}"${more}}`;

function identityText(name: string, more: string): string {
  return `  - name: ${name}\n    rules: [{allow: [get], on: ["${name}/*"]}]\n    ${more}\n`;
}

const WORKER = identityText(
  "worker",
  `tokens: [${tokenLine("good")}, ${tokenLine("old", ", expires: 2020-01-01")}]`,
);
const PERSON = identityText("person", `password: ${STORED}`);
const MACHINE = identityText("machine", 'certificates: ["CN=m1", "DNS:M1.example", "URI:spiffe://flame/m1"]');
const ALL = `identities:\n${WORKER}${PERSON}${MACHINE}`;

beforeEach(() => {
  directory = temporaryDirectory("file-access");
  file = join(directory.path, "access.yaml");
  writeFileSync(file, ALL);
  log = "";
  const stream = {
    write: (line: string) => {
      log += line;
    },
  };
  startLog({ directives: [{ target: undefined, level: "trace" }], format: "json", stream });
  access = new FileAccess(file, POLL_MS);
});
afterEach(() => {
  vi.useRealTimers();
  access.close();
  resetSync();
  directory.remove();
});

const call = (more: Partial<Credentials>): Credentials => ({
  authorization: undefined,
  certificate: undefined,
  address: "192.0.2.1",
  ...more,
});
const bearer = (token: string): Credentials => call({ authorization: `Bearer ${token}` });
const basic = (text: string): Credentials =>
  call({ authorization: `Basic ${Buffer.from(text).toString("base64")}` });
const identify = async (credentials: Credentials): Promise<Identity> => await access.identify(credentials);
const rewrite = (text: string): void => {
  writeFileSync(file, text);
  access.reload();
};

describe("a bearer token", () => {
  it("is identified without a promise, always as the same object", () => {
    const identity = access.identify(bearer("good")) as Identity;
    expect(identity.name).toBe("worker");
    expect(access.identify(call({ authorization: "bEARER  good " }))).toBe(identity);
  });

  it("that is revoked fails at its next call, while others stay valid", async () => {
    const identity = await identify(bearer("good"));
    rewrite(`identities:\n${identityText("worker", `tokens: [${tokenLine("new")}]`)}`);
    await expect(identify(bearer("good"))).rejects.toThrow(UNAUTHENTICATED);
    expect((await identify(bearer("new"))).name).toBe("worker");
    const key = { applicationId: "worker", sessionId: "s", objectId: "x" };
    expect(identity.policy.allows("get", { scope: "object", key })).toBe(true);
  });
});

describe("wrong, expired, malformed and absent credentials", () => {
  it.each([
    ["no header", undefined],
    ["an empty header", ""],
    ["a scheme alone", "Bearer"],
    ["an empty token", "Bearer "],
    ["an unknown token", "Bearer goo"],
    ["an expired token", "Bearer old"],
    ["the digest of a token", `Bearer ${sha256("good")}`],
    ["a token without a scheme", "good"],
    ["another scheme", "Digest good"],
    ["a JSON web token", "Bearer e30.e30.e30"],
    ["a wrong password", `Basic ${Buffer.from("person:guess").toString("base64")}`],
    ["an unknown name", `Basic ${Buffer.from("nobody:secret").toString("base64")}`],
    ["a name without a password", `Basic ${Buffer.from("worker:").toString("base64")}`],
    ["a name without a colon", `Basic ${Buffer.from("person").toString("base64")}`],
    ["what is not base64", "Basic §§§"],
    ["a very long password", `Basic ${Buffer.from(`person:${"x".repeat(5000)}`).toString("base64")}`],
  ])("get one answer: %s", async (_, authorization) => {
    const error = await identify(call({ authorization })).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: "UNAUTHENTICATED", message: UNAUTHENTICATED, facts: {} });
  });

  it("appear in no line of the log, at any level", async () => {
    const secrets = ["tok-3c1f", "person:pass-77aa", "old"];
    await identify(bearer(secrets[0]!)).catch(() => {});
    await identify(basic(secrets[1]!)).catch(() => {});
    await identify(basic("person:secret"));
    const issued = await access.issueToken(basic("person:secret"));
    rewrite(`identities:\n  - name: worker\n    password: plain-5566\n`);
    expect(log).toContain("credentials refused");
    expect(log).toContain("access file not usable");
    const encoded = secrets.map((text) => Buffer.from(text).toString("base64"));
    const words = [
      ...secrets.slice(0, 2),
      ...encoded,
      "pass-77aa",
      "plain-5566",
      issued,
      STORED,
      sha256("good"),
    ];
    for (const word of words) expect(log).not.toContain(word);
  });

  it("are answered late for an address that fails often, and good ones at once", async () => {
    vi.useFakeTimers();
    const startMs = performance.now();
    const failing = [1, 2, 3].map(() => identify(bearer("guess")).catch((error: Error) => error.message));
    expect(access.identify(bearer("good"))).toMatchObject({ name: "worker" });
    await vi.runAllTimersAsync();
    expect(await Promise.all(failing)).toEqual([UNAUTHENTICATED, UNAUTHENTICATED, UNAUTHENTICATED]);
    expect(performance.now() - startMs).toBe(400);
  });
});

describe("a name and a password", () => {
  it("identify a caller, the first time after a check", async () => {
    const first = access.identify(basic("person:secret"));
    expect(first).toBeInstanceOf(Promise);
    expect((await first).name).toBe("person");
    expect(access.identify(basic("person:secret"))).toMatchObject({ name: "person" });
  });

  it("are exchanged for a token that ends with the identity or its password", async () => {
    const tokens = [
      await access.issueToken(basic("person:secret")),
      await access.issueToken(basic("person:secret")),
    ];
    expect((await identify(bearer(tokens[0]!))).name).toBe("person");
    rewrite(ALL);
    expect((await identify(bearer(tokens[1]!))).name).toBe("person");
    rewrite(ALL.replace("c2FsdHNhbHRzYWx0c2FsdA", "b3RoZXJvdGhlcm90aGVybw"));
    await expect(identify(bearer(tokens[0]!))).rejects.toThrow(UNAUTHENTICATED);
    rewrite(ALL);
    await expect(identify(bearer(tokens[0]!))).rejects.toThrow(UNAUTHENTICATED);
    await expect(access.issueToken(bearer("good"))).rejects.toThrow(UNAUTHENTICATED);
  });

  it("are not checked while too many checks of a failing address wait", async () => {
    await expect(identify(basic("person:guess"))).rejects.toThrow(UNAUTHENTICATED);
    const guesses = ["a", "b", "c", "d", "e"].map((guess) => identify(basic(`person:${guess}`)));
    const reasons = await Promise.allSettled(guesses);
    expect(reasons.map((each) => (each as PromiseRejectedResult).reason.code)).toEqual([
      ...Array.from({ length: 4 }, () => "UNAUTHENTICATED"),
      "OVERLOADED",
    ]);
  });
});

describe("a client certificate", () => {
  it.each([
    [{ commonName: "m1", alternativeNames: [] }, "machine"],
    [{ commonName: undefined, alternativeNames: ["DNS:other", "DNS:m1.EXAMPLE"] }, "machine"],
    [{ commonName: "other", alternativeNames: ["URI:spiffe://flame/m1"] }, "machine"],
  ])("identifies a caller: %j", async (certificate, name) => {
    expect((await identify(call({ certificate }))).name).toBe(name);
  });

  it.each([
    { commonName: "M1", alternativeNames: [] },
    { commonName: "DNS:m1.example", alternativeNames: ["DNS:m1", "URI:SPIFFE://flame/m1", "CN:m1"] },
  ])("of somebody else does not: %j", async (certificate) => {
    await expect(identify(call({ certificate }))).rejects.toThrow(UNAUTHENTICATED);
  });

  it("does not help a caller with a wrong token", async () => {
    const certificate = { commonName: "m1", alternativeNames: [] };
    await expect(identify({ ...bearer("guess"), certificate })).rejects.toThrow(UNAUTHENTICATED);
  });
});

describe("anonymous callers", () => {
  it("have the rules for them, but not with wrong credentials", async () => {
    rewrite(`${ALL}anonymous:\n  rules: [{allow: [get], on: ["public/*"]}]\n`);
    const { name, policy } = await identify(call({}));
    expect(name).toBeUndefined();
    expect(policy.allows("get", { scope: "application", applicationId: "public" })).toBe(true);
    expect(policy.allows("get", { scope: "application", applicationId: "worker" })).toBe(false);
    await expect(identify(bearer("guess"))).rejects.toThrow(UNAUTHENTICATED);
    expect(
      (await identify(call({ certificate: { commonName: "x", alternativeNames: [] } }))).name,
    ).toBeUndefined();
  });
});

describe("JSON web tokens", () => {
  it("go to their verifier, after the tokens of the file", async () => {
    const seen: string[] = [];
    access.verifyJwt = async (token) => {
      seen.push(token);
      return token === "e30.e30.good" ? access.table.named("worker") : undefined;
    };
    expect((await identify(bearer("e30.e30.good"))).name).toBe("worker");
    await expect(identify(bearer("e30.e30.bad"))).rejects.toThrow(UNAUTHENTICATED);
    await expect(identify(bearer("e30.e30"))).rejects.toThrow(UNAUTHENTICATED);
    expect((await identify(bearer("good"))).name).toBe("worker");
    expect(seen).toEqual(["e30.e30.good", "e30.e30.bad"]);
  });
});

describe("a changed file", () => {
  const NEW = `identities:\n${identityText("worker", `tokens: [${tokenLine("new")}]`)}`;
  const isNew = () => expect(access.identify(bearer("new"))).toMatchObject({ name: "worker" });
  const waitForNew = () =>
    vi.waitFor(() => expect(access.table.findToken(digestOf("new"), 0)).toBeDefined(), { timeout: 20_000 });

  it("is read again when it is replaced by a rename", async () => {
    writeFileSync(`${file}.new`, NEW);
    renameSync(`${file}.new`, file);
    await waitForNew();
    isNew();
  });

  it("is read again when it is written in place", async () => {
    writeFileSync(file, NEW);
    await waitForNew();
    isNew();
  });

  it("is read again when a link above it points elsewhere, as in a Kubernetes secret", async () => {
    access.close();
    for (const version of ["v1", "v2"]) mkdirSync(join(directory.path, version));
    writeFileSync(join(directory.path, "v1", "access.yaml"), ALL);
    writeFileSync(join(directory.path, "v2", "access.yaml"), NEW);
    const data = join(directory.path, "..data");
    symlinkSync("v1", data);
    const link = join(directory.path, "link.yaml");
    symlinkSync(join("..data", "access.yaml"), link);
    access = new FileAccess(link, POLL_MS);
    symlinkSync("v2", `${data}.new`);
    renameSync(`${data}.new`, data);
    await waitForNew();
    isNew();
  });

  it.each([
    ["wrong", () => writeFileSync(file, "identities: [{name: worker, rules: 5}]")],
    ["empty", () => writeFileSync(file, "")],
    ["missing", () => rmSync(file)],
  ])("that is %s is logged, and the rules before stay", async (_, change) => {
    change();
    await vi.waitFor(() => expect(log).toContain("access file not usable, the rules before stay"), {
      timeout: 20_000,
    });
    expect(access.identify(bearer("good"))).toMatchObject({ name: "worker" });
    writeFileSync(file, NEW);
    await waitForNew();
    isNew();
  });
});
