/**
 * Where credentials come from, when they are loaded again, and what a store's refusal of them causes.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { LIMITS } from "../../../src/limits.ts";
import {
  type CredentialSource,
  type Credentials,
  staticCredentials,
} from "../../../src/s3/credentials/credentials.ts";
import { defaultCredentials } from "../../../src/s3/credentials/default-credentials.ts";
import { FreshCredentials } from "../../../src/s3/credentials/fresh-credentials.ts";
import { parseProfiles } from "../../../src/s3/credentials/profile-files.ts";
import { DATE_MS, errorReply, reply, ScriptedStore, type Step } from "../../support/scripted-store.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

/** Gives the next of its keys each time; what is an error is thrown. */
function sourceOf(...answers: (Credentials | Error)[]): CredentialSource & { loads: number } {
  const source = {
    name: "a test",
    loads: 0,
    async load(): Promise<Credentials> {
      const answer = answers[Math.min(source.loads, answers.length - 1)]!;
      source.loads += 1;
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
  return source;
}

const keys = (name: string, more: Partial<Credentials> = {}): Credentials => ({
  accessKeyId: name,
  secretAccessKey: "secret",
  ...more,
});

describe("the credentials of the environment", () => {
  let folder: TemporaryDirectory;
  let env: Record<string, string>;
  beforeAll(() => {
    folder = temporaryDirectory("profiles");
    const config = join(folder.path, "config");
    const credentials = join(folder.path, "credentials");
    env = { HOME: folder.path, AWS_CONFIG_FILE: config, AWS_SHARED_CREDENTIALS_FILE: credentials };
    writeFileSync(
      credentials,
      "[default]\naws_access_key_id = DEFAULT\naws_secret_access_key=s/+=\n\n[work]\r\naws_access_key_id=WORK # mine\naws_secret_access_key = w\naws_session_token = t\n",
    );
    writeFileSync(
      config,
      "# comment\n[default]\nregion = eu-west-1\n[profile  role]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = default\n[profile work]\naws_access_key_id = OTHER\n[profile sso]\nsso_session = s\n",
    );
  });
  afterAll(() => folder.remove());

  it("are the variables, if both are set", async () => {
    const variables = { AWS_ACCESS_KEY_ID: "VAR", AWS_SECRET_ACCESS_KEY: "v", AWS_SESSION_TOKEN: "t" };
    const found = await defaultCredentials({ env: { ...env, ...variables } }).load();
    expect(found).toEqual({ accessKeyId: "VAR", secretAccessKey: "v", sessionToken: "t" });
  });

  it.each([
    [{}, { accessKeyId: "DEFAULT", secretAccessKey: "s/+=" }],
    [{ AWS_PROFILE: "work" }, { accessKeyId: "WORK", secretAccessKey: "w", sessionToken: "t" }],
    [{ AWS_ACCESS_KEY_ID: "HALF" }, { accessKeyId: "DEFAULT" }],
  ])("are those of the profile with %o", async (more, found) => {
    expect(await defaultCredentials({ env: { ...env, ...more } }).load()).toMatchObject(found);
  });

  it("are those of a profile that is named, before the variables", async () => {
    const variables = { AWS_ACCESS_KEY_ID: "VAR", AWS_SECRET_ACCESS_KEY: "v" };
    const source = defaultCredentials({ env: { ...env, ...variables }, profile: "work" });
    expect(await source.load()).toMatchObject({ accessKeyId: "WORK" });
  });

  it.each([{ AWS_PROFILE: "role" }, { AWS_PROFILE: "sso" }])(
    "are fetched by the optional package for %o, each time anew",
    async (more) => {
      const asked: unknown[] = [];
      const expiration = new Date(DATE_MS);
      const loadProviders = async () => ({
        fromNodeProviderChain: (options: object) => {
          asked.push(options);
          return async () => ({ ...keys("FETCHED"), sessionToken: "t", expiration });
        },
      });
      const source = defaultCredentials({ env: { ...env, ...more }, loadProviders });
      expect(await source.load()).toEqual(keys("FETCHED", { sessionToken: "t", expiresMs: DATE_MS }));
      await source.load();
      expect(asked).toEqual([{ profile: more.AWS_PROFILE }, { profile: more.AWS_PROFILE }]);
    },
  );

  it("name the optional package if it is missing", async () => {
    const source = defaultCredentials({ env: { ...env, AWS_PROFILE: "role" } });
    await expect(source.load()).rejects.toThrow(/INVALID_CONFIG.*install @aws-sdk\/credential-providers/);
  });

  it("name a profile that does not exist, and both files", async () => {
    const source = defaultCredentials({ env: { ...env, AWS_PROFILE: "none" } });
    await expect(source.load()).rejects.toThrow(
      /INVALID_CONFIG.*no profile none in .*credentials and .*config/,
    );
  });

  it("are refused if a file is too large", async () => {
    const large = join(folder.path, "large");
    writeFileSync(large, "x".repeat(LIMITS.s3ProfileBytesMax + 1));
    const source = defaultCredentials({ env: { ...env, AWS_CONFIG_FILE: large } });
    await expect(source.load()).rejects.toMatchObject({ code: "INVALID_CONFIG" });
  });

  it("are refused if they are not printable, without a word of the secret", async () => {
    const secretAccessKey = "hush\nhush";
    const variables = { AWS_ACCESS_KEY_ID: "VAR", AWS_SECRET_ACCESS_KEY: secretAccessKey };
    const failing = defaultCredentials({ env: { ...env, ...variables } }).load();
    await expect(failing).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      message: expect.not.stringMatching(/hush/),
    });
    expect(() => staticCredentials(keys("", {}))).toThrow(/INVALID_CONFIG/);
  });
});

describe("a profile file", () => {
  it("keeps its settings apart by section, and skips what is nested or no setting", () => {
    const text =
      "stray = 1\n[a]\nx = 1\ns3 =\n  nested = 2\n; comment\nnonsense\n[ a ]\nY=2;3\n[__proto__]\nx=3\n";
    expect(
      Object.fromEntries([...parseProfiles(text)].map(([name, profile]) => [`:${name}`, [...profile]])),
    ).toEqual({
      ":a": [
        ["x", "1"],
        ["s3", ""],
        ["y", "2;3"],
      ],
      ":__proto__": [["x", "3"]],
    });
  });
});

describe("fresh credentials", () => {
  it("are loaded once for all who wait", async () => {
    const source = sourceOf(keys("ONE"));
    const fresh = new FreshCredentials(source);
    await Promise.all([fresh.current(), fresh.current(), fresh.current()]);
    expect(source.loads).toBe(1);
    expect(fresh.current()).toEqual(keys("ONE"));
  });

  it("are loaded again before they expire, while the old ones are used", async () => {
    let nowMs = 0;
    const lifeMs = 3_600_000;
    const source = sourceOf(keys("ONE", { expiresMs: lifeMs }), keys("TWO", { expiresMs: 2 * lifeMs }));
    const fresh = new FreshCredentials(source, () => nowMs);
    await fresh.current();
    nowMs = lifeMs - LIMITS.s3RefreshMs - 1;
    expect(fresh.current()).toMatchObject({ accessKeyId: "ONE" });
    expect(source.loads).toBe(1);
    nowMs += 2;
    expect(fresh.current()).toMatchObject({ accessKeyId: "ONE" });
    expect(fresh.current()).toMatchObject({ accessKeyId: "ONE" });
    await Promise.resolve();
    expect(source.loads).toBe(2);
    nowMs = lifeMs;
    expect(await fresh.current()).toMatchObject({ accessKeyId: "TWO" });
    expect(source.loads).toBe(2);
  });

  it("stay in use if the refresh fails, which is repeated after a pause; and fail when they expire", async () => {
    let nowMs = 0;
    const source = sourceOf(keys("ONE", { expiresMs: 1_000_000 }), new Error("offline"));
    const fresh = new FreshCredentials(source, () => nowMs);
    await fresh.current();
    nowMs = 900_000;
    await expect(fresh.replace(await fresh.current())).resolves.toBe(false);
    expect(source.loads).toBe(2);
    expect(fresh.current()).toMatchObject({ accessKeyId: "ONE" });
    expect(source.loads).toBe(2);
    nowMs += LIMITS.s3RefreshPauseMs;
    expect(fresh.current()).toMatchObject({ accessKeyId: "ONE" });
    expect(source.loads).toBe(3);
    nowMs = 1_000_000;
    await expect(fresh.current()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });

  it("are not those that have expired already", async () => {
    const fresh = new FreshCredentials(sourceOf(keys("OLD", { expiresMs: 5 })), () => 5);
    await expect(fresh.current()).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
  });
});

describe("a store that refuses", () => {
  let store: ScriptedStore;
  beforeAll(async () => {
    store = await ScriptedStore.start();
  });
  afterAll(() => store.close());
  const DONE = reply(200, { headers: { etag: '"1"' } });
  const write = (source: CredentialSource) =>
    store.bucket({ credentials: source }).write("a", [Buffer.from("x")]);

  it.each([
    [400, "ExpiredToken"],
    [403, "ExpiredToken"],
    [403, "InvalidToken"],
    [400, "TokenRefreshRequired"],
    [403, "InvalidAccessKeyId"],
  ])("with %i %s gets the same request once more with new credentials", async (status, code) => {
    store.answer(errorReply(status, code), DONE);
    expect(await write(sourceOf(keys("OLD"), keys("NEW")))).toMatchObject({ kind: "done" });
    expect(store.seen.map(({ headers }) => /Credential=(\w+)/.exec(`${headers.authorization}`)?.[1])).toEqual(
      ["OLD", "NEW"],
    );
    expect(store.seen.map(({ body }) => body.toString())).toEqual(["x", "x"]);
  });

  it("again, or without new credentials, is not asked any more", async () => {
    store.answer(errorReply(403, "ExpiredToken"));
    const unavailable = { code: "STORAGE_UNAVAILABLE" };
    await expect(write(sourceOf(keys("OLD"), keys("NEW")))).rejects.toMatchObject(unavailable);
    expect(store.seen).toHaveLength(2);
    store.answer(errorReply(403, "ExpiredToken"));
    await expect(write(sourceOf(keys("OLD")))).rejects.toMatchObject(unavailable);
    expect(store.seen).toHaveLength(1);
  });

  /** Accepts one key, and refuses others as expired. */
  const acceptsOnly = (name: string): Step => {
    const [accept, refuse] = [DONE, errorReply(403, "ExpiredToken")];
    return (response, request) => {
      const isRight = `${request.headers.authorization}`.includes(`Credential=${name}/`);
      (isRight ? accept : refuse)(response, request);
    };
  };
  const readAll = (source: CredentialSource) => {
    const bucket = store.bucket({ credentials: source });
    const reads = Array.from({ length: 20 }, () => bucket.read("a", { bytesMax: 5 }));
    return Promise.allSettled(reads);
  };

  it("many requests at once loads credentials once, and all succeed", async () => {
    store.answer(acceptsOnly("NEW"));
    const source = sourceOf(keys("OLD"), keys("NEW"));
    expect((await readAll(source)).map(({ status }) => status)).toEqual(Array(20).fill("fulfilled"));
    expect(source.loads).toBe(2);
    expect(store.seen).toHaveLength(40);
  });

  it("many requests without new credentials asks their source once, and fails each", async () => {
    store.answer(acceptsOnly("NEW"));
    const source = sourceOf(keys("OLD"));
    const refused = { status: "rejected", reason: expect.objectContaining({ code: "STORAGE_UNAVAILABLE" }) };
    expect(await readAll(source)).toEqual(Array(20).fill(refused));
    expect(source.loads).toBe(2);
    expect(store.seen).toHaveLength(20);
    expect(store.trials).toBe(0);
  });

  it("waits for a source that never answers no longer than its time", async () => {
    const spied = vi.spyOn(LIMITS, "s3CredentialsMs", "get").mockReturnValue(20 as never);
    onTestFinished(() => spied.mockRestore());
    store.answer(acceptsOnly("NEW"));
    const answers = [Promise.resolve(keys("OLD")), new Promise<never>(() => {})];
    const source = { name: "a test", load: () => answers.shift()! };
    await expect(write(source)).rejects.toThrow(/STORAGE_UNAVAILABLE.*refuses the credentials/);
  });

  it("the clock gets the same request once more with its own time, and later ones at once", async () => {
    store.answer(errorReply(403, "RequestTimeTooSkewed"), DONE);
    const bucket = store.bucket();
    expect(await bucket.write("a", [Buffer.from("x")])).toMatchObject({ kind: "done" });
    expect(await bucket.write("b", [Buffer.from("x")])).toMatchObject({ kind: "done" });
    const times = store.seen.map(({ headers }) => headers["x-amz-date"]);
    expect(times).toHaveLength(3);
    expect(times.slice(1)).toEqual([
      expect.stringMatching(/^20261129T1200/),
      expect.stringMatching(/^20261129T1200/),
    ]);
  });

  it("without a word of why is STORAGE_UNAVAILABLE, and a failing source too", async () => {
    store.answer(reply(403));
    await expect(write(sourceOf(keys("OLD")))).rejects.toMatchObject({ code: "STORAGE_UNAVAILABLE" });
    await expect(write(sourceOf(new Error("offline")))).rejects.toMatchObject({
      code: "STORAGE_UNAVAILABLE",
    });
    expect(store.seen).toHaveLength(1);
  });
});
