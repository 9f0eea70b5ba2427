/**
 * The verb `token`: what it writes into the access file, what it prints, and what it refuses.
 */
import { chmodSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { AccessTable } from "../../../src/access/access-table.ts";
import { matchesPassword } from "../../../src/access/password.ts";
import { digestOf, formatDigest } from "../../../src/access/token-digest.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Finished, type RunOptions, runCommand } from "./verb-fixture.ts";

let directory: TemporaryDirectory;
let file: string;

beforeEach(() => {
  directory = temporaryDirectory("token");
  file = join(directory.path, "access.yaml");
});
afterEach(() => directory.remove());

const ALL = ["--allow", "all", "--on", "*"];
const token = (args: readonly string[], options?: RunOptions): Promise<Finished> =>
  runCommand(["token", ...args, "--access-file", file], options);
const create = (name: string, ...more: string[]): Promise<Finished> =>
  token(["create", "--identity", name, ...more]);
const text = (): string => readFileSync(file, "utf8");
const nameOf = (printed: string): string | undefined =>
  AccessTable.read(file).findToken(digestOf(printed.trim()), Date.now())?.identity.name;

describe("token create", () => {
  it("writes a file that only its owner may read, and prints the token once", async () => {
    const { outcome, out, err } = await create(
      "worker",
      "--allow",
      "get,list",
      "--on",
      "app/*",
      "--on",
      "b/c/*",
    );
    expect(outcome).toBe("ok");
    expect(out).toMatch(/^flame_[\w-]{43}\n$/);
    expect(err).toMatch(/^token t[0-9a-f]{8} of worker is in .*access\.yaml \(expires: never\)/);
    expect(err + text()).not.toContain(out.trim());
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(nameOf(out)).toBe("worker");
    expect(text()).toContain("- allow: [ get, list ]\n        on: [ app/*, b/c/* ]");
  });

  it("keeps the order of rules, the comments, the mode and the link of a file", async () => {
    const target = join(directory.path, "target.yaml");
    writeFileSync(
      target,
      '# ours\nidentities:\n  - name: old # first\n    rules: [] # none\nquota: {"a": 1}\n',
    );
    chmodSync(target, 0o640);
    symlinkSync(target, file);
    const rules = ["--allow", "put", "--on", "*", "--deny", "get,put", "--on", "*/secret/*"];
    const { out } = await create("new", ...rules);
    expect(text()).toContain("# ours\nidentities:\n  - name: old # first\n    rules: [] # none\n");
    expect(statSync(target).mode & 0o777).toBe(0o640);
    expect(readFileSync(target, "utf8")).toBe(text());
    expect(nameOf(out)).toBe("new");
    const [, added] = AccessTable.read(file).file.identities;
    expect(added?.rules).toEqual([
      { effect: "allow", verbs: ["put"], patterns: ["*"] },
      { effect: "deny", verbs: ["get", "put"], patterns: ["*/secret/*"] },
    ]);
  });

  it("adds a token with a note and an end to an identity that is there", async () => {
    const first = await create("worker", ...ALL);
    const second = await create("worker", "--name", "Ann's laptop", "--expires", "30d");
    const third = await create("worker", ...ALL, "--expires", "2099-01-31");
    expect([first, second, third].map(({ out }) => nameOf(out))).toEqual(["worker", "worker", "worker"]);
    const tokens = AccessTable.read(file).file.identities[0]!.tokens;
    expect(tokens.map(({ name }) => name)).toEqual([undefined, "Ann's laptop", undefined]);
    expect(tokens[1]!.expiresMs! - Date.now()).toBeGreaterThan(29 * 86_400_000);
    expect(tokens[2]!.expiresMs).toBe(Date.UTC(2099, 0, 31));
  });

  it("prints JSON on request, and takes the file from the environment of serve", async () => {
    const env = { FLAME_CACHE_ACCESS_FILE: file };
    const { out } = await runCommand(["token", "create", "--identity", "a", ...ALL, "--json"], { env });
    const answer = JSON.parse(out) as { token: string };
    expect(answer).toMatchObject({ identity: "a", expires: null });
    expect(nameOf(answer.token)).toBe("a");
  });

  it.each([
    [[], "usage", "--identity NAME must be given"],
    [["--identity", "new"], "config", "new is new and needs rules, such as --allow get,list --on 'app/*'"],
    [["--identity", "old", ...ALL], "config", "old already has other rules"],
    [["--identity", "new", "--allow", "get"], "usage", "needs --on PATTERN after it"],
    [["--identity", "new", "--allow", "read", "--on", "*"], "usage", "It must be a list of get, put"],
    [["--identity", "new", "--on", "*", "--allow", "get"], "usage", "It must follow --allow or --deny."],
    [["--identity", "new", "--allow", "get", "--on", "app"], "config", "rules[0].on[0] must be *, app/*"],
    [["--identity", "a/b", ...ALL], "config", "identities[1].name must have at most"],
    [["--identity", "old", "--expires", "2020-01-01"], "usage", "a date in the future"],
    [["--identity", "old", "--expires", "soon"], "usage", "It must be a duration"],
  ] as const)("refuses %j and leaves the file as it is", async (args, expected, reason) => {
    const before = "identities:\n  - name: old\n    rules: [{allow: [get], on: ['a/*']}]\n";
    writeFileSync(file, before);
    const { outcome, out, err } = await token(["create", ...args]);
    expect([outcome, out]).toEqual([expected, ""]);
    expect(err).toContain(reason);
    expect(text()).toBe(before);
  });

  it("refuses a file that is wrong or locked, and says what to do", async () => {
    writeFileSync(file, "identities: 5\n");
    expect((await create("new", ...ALL)).err).toContain("identities must be a list of identities");
    writeFileSync(file, "identities: [{name: a}]\n");
    writeFileSync(`${file}.new`, "");
    const { outcome, err } = await create("new", ...ALL);
    expect(outcome).toBe("config");
    expect(err).toContain(`another command is changing it; if none is, remove ${file}.new`);
    expect(text()).toBe("identities: [{name: a}]\n");
  });

  it("needs a file", async () => {
    const { outcome, err } = await runCommand(["token", "list"]);
    expect(outcome).toBe("config");
    expect(err).toContain("--access-file FILE or FLAME_CACHE_ACCESS_FILE must name the access file");
  });
});

describe("token list", () => {
  it("prints ids, identities, ends and notes, and no secret", async () => {
    const { out: secret } = await create("worker", ...ALL, "--name", "laptop");
    const old = `{id: t-old, sha256: "${"0f".repeat(32)}", expires: 2020-01-01}`;
    writeFileSync(file, `${text()}  - name: other\n    tokens: [${old}]\n`);
    const { outcome, out } = await token(["list"]);
    expect(outcome).toBe("ok");
    expect(out).toMatch(
      /^ID +IDENTITY +EXPIRES +NAME\nt[0-9a-f]{8} +worker +never +laptop\nt-old +other +expired\n$/,
    );
    const json = await token(["list", "--json"]);
    expect(
      json.out
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line)),
    ).toMatchObject([
      { identity: "worker", expires: null, expired: false, name: "laptop" },
      { id: "t-old", identity: "other", expires: "2020-01-01T00:00:00Z", expired: true, name: null },
    ]);
    for (const word of [secret.trim(), formatDigest(digestOf(secret.trim())), "0f0f"]) {
      expect(out + json.out).not.toContain(word);
    }
  });
});

describe("token revoke", () => {
  it("removes a token and nothing else", async () => {
    const [one, two] = [await create("worker", ...ALL), await create("worker")];
    const [first] = AccessTable.read(file).file.identities[0]!.tokens;
    expect(await token(["revoke", first!.id])).toMatchObject({
      outcome: "ok",
      out: `token ${first!.id} revoked\n`,
    });
    expect([nameOf(one.out), nameOf(two.out)]).toEqual([undefined, "worker"]);
  });

  it("names what is wrong: an unknown id, no id, an id for another step", async () => {
    await create("worker", ...ALL);
    const before = text();
    expect(await token(["revoke", "t-none"])).toMatchObject({ outcome: "noInput" });
    expect(await token(["revoke"])).toMatchObject({ outcome: "usage" });
    expect(await token(["list", "t-none"])).toMatchObject({ outcome: "usage" });
    expect(await token(["renew"])).toMatchObject({ outcome: "usage" });
    expect(text()).toBe(before);
  });
});

describe("token password", () => {
  const setPassword = (input: NonNullable<RunOptions["input"]>, ...more: string[]) =>
    token(["password", "--identity", "ann", ...more], { input });

  it("writes the hash of the first line of standard input", async () => {
    const { outcome, out } = await setPassword("pass: word\nmore\n", ...ALL);
    expect([outcome, out]).toEqual(["ok", "password of ann changed\n"]);
    expect(text()).not.toContain("pass: word");
    const [before] = AccessTable.read(file).file.identities;
    expect(await matchesPassword("pass: word", before!.password)).toBe(true);
    await setPassword("other");
    const [after] = AccessTable.read(file).file.identities;
    expect(await matchesPassword("other", after!.password)).toBe(true);
    expect(after!.rules).toEqual(before!.rules);
  });

  it("keeps a character that arrives in two chunks", async () => {
    async function* bytewise(): AsyncGenerator<Uint8Array> {
      for (const byte of Buffer.from("schlüssel\n")) yield Uint8Array.of(byte);
    }
    await setPassword(bytewise(), ...ALL);
    const [identity] = AccessTable.read(file).file.identities;
    expect(await matchesPassword("schlüssel", identity!.password)).toBe(true);
  });

  it.each(["", "\n", "x".repeat(1025)])("refuses a password of this size: %#", async (input) => {
    expect(await setPassword(input, ...ALL)).toMatchObject({ outcome: "usage" });
  });

  it("has no note and no end", async () => {
    expect(await setPassword("pass", ...ALL, "--expires", "1d")).toMatchObject({ outcome: "usage" });
  });
});
