/**
 * `why` with the built command against built servers: who did it, what a restart keeps, what the other tools make of the
 * journal's directory, and the same answer over HTTP.
 */
import fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { builtDoor } from "../support/built-package.ts";
import { startCommand } from "../support/start-command.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

let directory: TemporaryDirectory;
beforeAll(async () => {
  await builtDoor();
});
beforeEach(() => {
  directory = temporaryDirectory("why");
  fs.writeFileSync(join(directory.path, "value"), Buffer.alloc(20_000, 7));
});
afterEach(() => {
  directory.remove();
});

interface Served {
  readonly endpoint: string;
  readonly admin: string;
  stop(): Promise<void>;
}

async function serve(environment: Readonly<Record<string, string>> = {}): Promise<Served> {
  const args = ["serve", "--endpoint", "grpc://127.0.0.1:0", "--storage", join(directory.path, "store")];
  const server = startCommand([...args, "--admin", "127.0.0.1:0"], {
    directory: directory.path,
    environment: { FLAME_CACHE_CAPACITY: "50K", RUST_LOG: "info", ...environment },
  });
  const [endpoint] = await server.wrote("stdout", /grpc:\/\/127\.0\.0\.1:\d+/);
  const [, admin] = await server.wrote("stderr", /"admin":"(http:[^"]+)"/);
  const stop = async (): Promise<void> => {
    server.signal("SIGTERM");
    expect(await server.ended).toBe(0);
  };
  return { endpoint, admin: admin!, stop };
}

/** Runs the command to its end. @returns its standard output. */
async function flame(args: readonly string[], endpoint: string): Promise<string> {
  const command = startCommand(args, {
    directory: directory.path,
    environment: { FLAME_CACHE_ENDPOINT: endpoint },
  });
  expect([await command.ended, command.stderr]).toEqual([0, ""]);
  return command.stdout;
}

const put = (key: string, { endpoint }: Served) =>
  flame(["put", join(directory.path, "value"), "--key", key], endpoint);

const why = async (key: string, { endpoint }: Served): Promise<string> =>
  (await flame(["why", key], endpoint))
    .split("\n")[0]!
    .replaceAll(/\d+ (second|minute)s?|less than a second/g, "T");

describe("why", () => {
  it("answers for every fate of an object, also after a restart", async () => {
    const first = await serve();
    await put("app/s/evicted", first);
    await put("app/s/deleted", first);
    await flame(["rm", "app/s/deleted"], first.endpoint);
    await put("app/s/replaced", first);
    await put("app/s/replaced", first);
    await put("app/s/last", first);
    const keys = ["app/s/evicted", "app/s/deleted", "app/s/replaced", "app/s/last"];
    const before: string[] = [];
    for (const key of keys) before.push(await why(key, first));
    expect(before[0]).toMatch(
      /^app\/s\/evicted was evicted T ago: capacity, 1st of 1 object for the put of app\/s\/\w+ by 127\.0\.0\.1$/,
    );
    expect(before[1]).toBe("app/s/deleted was deleted T ago by 127.0.0.1 with DELETE app/s/deleted");
    expect(before[2]).toMatch(
      /^app\/s\/replaced is here: version \d+, put T ago by 127\.0\.0\.1 in place of version \d+/,
    );
    await first.stop();
    const second = await serve();
    const after: string[] = [];
    for (const key of keys) after.push(await why(key, second));
    expect(after.slice(0, 2)).toEqual(before.slice(0, 2));
    expect(after[2]).toMatch(/put T ago by 127\.0\.0\.1 in place of version/);
    expect(await why("app/s/never", second)).toMatch(
      /^app\/s\/never was never here \(the journal goes back to/,
    );
    const response = await fetch(`${second.admin}/v1/why/app/s/deleted`);
    expect(await response.json()).toMatchObject({
      key: "app/s/deleted",
      present: false,
      events: [
        { event: "deleted", by: "127.0.0.1", cause: "DELETE app/s/deleted", bytes: 20_000 },
        { event: "put" },
      ],
    });
    const top = (await (await fetch(`${second.admin}/v1/admin/top`)).json()) as Record<string, unknown>;
    expect(Object.keys(top)).toEqual(["counted", "keys", "sessions", "applications"]);
    await second.stop();
  });

  it("answers for expired and quarantined objects, also after a restart", async () => {
    const first = await serve();
    await put("app/s/damaged", first);
    await put("app/s/expired", first);
    await flame(["expire", "app/s/expired", "--in", "10ms"], first.endpoint);
    const gone = "app/s/expired expired T ago: its time to live was T";
    await vi.waitUntil(async () => (await why("app/s/expired", first)) === gone, { timeout: 60_000 });
    await first.stop();
    const path = join(directory.path, "store/app/s/damaged.arrow");
    const bytes = fs.readFileSync(path);
    bytes[bytes.length - 10_000]! ^= 1;
    fs.writeFileSync(path, bytes);
    const second = await serve();
    const get = startCommand(["get", "app/s/damaged", "-o", join(directory.path, "copy")], {
      directory: directory.path,
      environment: { FLAME_CACHE_ENDPOINT: second.endpoint },
    });
    expect(await get.ended).toBe(1);
    expect(await why("app/s/damaged", second)).toMatch(
      /^app\/s\/damaged is quarantined since T: .*OBJECT_CORRUPT/,
    );
    expect(await why("app/s/expired", second)).toBe(gone);
    await second.stop();
    const third = await serve();
    expect(await why("app/s/damaged", third)).toMatch(
      /^app\/s\/damaged was quarantined T ago: .*OBJECT_CORRUPT/,
    );
    await third.stop();
  });

  it("works without a journal, and says so", async () => {
    const server = await serve({ FLAME_CACHE_JOURNAL_SIZE: "none" });
    await put("app/s/x", server);
    expect(await why("app/s/x", server)).toMatch(/^app\/s\/x is here: version 1/);
    expect(await why("app/s/y", server)).toBe(
      "app/s/y is not here, and no journal is kept that could say why",
    );
    expect(fs.existsSync(join(directory.path, "store/.journal"))).toBe(false);
    await server.stop();
  });
});

describe("the journal's directory", () => {
  it("is no application: neither lists nor verify nor the scan of a start see it", async () => {
    const first = await serve();
    await put("app/s/x", first);
    await first.stop();
    const store = join(directory.path, "store");
    // What a walker that entered the directory would take for an object.
    fs.mkdirSync(join(store, ".journal/s"));
    fs.copyFileSync(join(store, "app/s/x.arrow"), join(store, ".journal/s/x.arrow"));
    const second = await serve();
    expect(await flame(["ls", "--keys"], second.endpoint)).toBe("app/s/x\n");
    await second.stop();
    expect(fs.existsSync(join(store, ".journal/s/x.arrow"))).toBe(true);
    const verify = startCommand(["verify", store], { directory: directory.path });
    expect(await verify.ended).toBe(0);
    expect(verify.stdout).not.toContain(".journal");
  });
});
