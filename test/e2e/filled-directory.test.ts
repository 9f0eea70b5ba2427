/**
 * The built command on an empty directory that is filled and stopped: its next start knows every object without opening a file.
 *
 * Calls go on until the session may be recorded (facts-record.ts), so nothing is waited for. Needs a build (`npm run build`).
 */
import fs from "node:fs";
import { afterAll, expect, it } from "vitest";
import { FlightClient } from "../../src/client/flight/flight-client.ts";
import { FlameCache } from "../../src/client/index.ts";
import { LIMITS } from "../../src/limits.ts";
import { FINE_SETTLED_MS } from "../../src/storage/disk/facts-record.ts";
import { startCommand } from "../support/start-command.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const directory = temporaryDirectory("filled");
const storage = `${directory.path}/objects`;
/** The engine hears of a change a little after it carries its time. */
const CLOCKS_APART_MS = 100;
const KEYS = Array.from({ length: 2 * LIMITS.recordedObjectsMin }, (_, object) => `app/session/o${object}`);

afterAll(() => directory.remove());

/** Starts the command, does something with it, and stops it. @returns its log. */
async function serving(use: (endpoint: string) => Promise<void>): Promise<string> {
  const args = ["serve", "--endpoint", "grpc://127.0.0.1:0", "--log", "debug", "--storage", storage];
  await using command = startCommand(args, { directory: directory.path });
  const [, endpoint] = await command.wrote("stdout", /^listening on (\S+)$/m);
  await use(endpoint!);
  command.signal("SIGTERM");
  expect(await command.ended).toBe(0);
  return command.stderr;
}

async function fill(endpoint: string): Promise<void> {
  const env = { FLAME_HOME: directory.path, HOME: directory.path };
  const cache = await FlameCache.connect({ endpoint, env });
  for (const key of KEYS) await cache.put(key, key);
  for (let call = 0; !mayBeRecorded(); call += 1) {
    const key = KEYS[call % KEYS.length]!;
    expect(await cache.get(key)).toBe(key);
  }
  await cache.close();
}

/** True when the session has the files of all objects, and has not been changed for a while. */
function mayBeRecorded(): boolean {
  const session = `${storage}/app/session`;
  if (!fs.existsSync(session) || fs.readdirSync(session).length < KEYS.length) return false;
  return Date.now() - fs.statSync(session).ctimeMs > FINE_SETTLED_MS + CLOCKS_APART_MS;
}

async function listed(endpoint: string): Promise<string[]> {
  const client = new FlightClient({ endpoint });
  const keys: string[] = [];
  for await (const { descriptor } of client.listFlights("")) keys.push(...(descriptor as PathOf).path);
  await client.close();
  return keys.sort();
}

interface PathOf {
  readonly path: readonly string[];
}

it("a session that was filled is recorded by the stop, in a thread, and the next start opens no file of it", async () => {
  const log = await serving(fill);
  expect(log).toMatch(/"text":"recorded sessions"/);
  expect(fs.readdirSync(`${storage}/.facts/app`)).toEqual(["session"]);
  // Who opens one now takes it for damaged, and does not list it.
  for (const key of KEYS) fs.writeFileSync(`${storage}/${key}.arrow`, "spoiled");
  await serving(async (endpoint) => expect(await listed(endpoint)).toEqual(KEYS.toSorted()));
  fs.rmSync(`${storage}/.facts`, { recursive: true });
  await serving(async (endpoint) => expect(await listed(endpoint)).toEqual([]));
});
