/**
 * The built command over a directory with many objects: calls are answered while the thread of the scan is at work, a list is
 * whole, and so is the next one after a restart.
 *
 * `bench/million.ts` runs the same with a million. Needs a build (`npm run build`).
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FlightClient } from "../../src/client/flight/flight-client.ts";
import {
  makeStore,
  objectName,
  STORE_APPLICATION,
  type StorePlan,
  sessionName,
  valueUnder,
} from "../support/many-objects.ts";
import { startCommand } from "../support/start-command.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const directory = temporaryDirectory("many-objects");
const storage = `${directory.path}/objects`;
const PLAN: StorePlan = { directory: storage, sessions: 10, objectsPerSession: 2_000, valueSizeBytes: 1_000 };
const TOTAL = PLAN.sessions * PLAN.objectsPerSession;

beforeAll(() => makeStore(PLAN), 60_000);
afterAll(() => directory.remove());

function keyOf(session: number, object: number): string {
  return `${STORE_APPLICATION}/${sessionName(session)}/${objectName(object)}`;
}

/** Starts the command, does something with a client of it, and stops it. */
async function serving(use: (client: FlightClient) => Promise<void>): Promise<string> {
  const args = ["serve", "--endpoint", "grpc://127.0.0.1:0", "--log", "info", "--storage", storage];
  await using command = startCommand(args, { directory: directory.path });
  const [, endpoint] = await command.wrote("stdout", /^listening on (\S+)$/m);
  const client = new FlightClient({ endpoint: endpoint! });
  try {
    await use(client);
  } finally {
    await client.close();
  }
  command.signal("SIGTERM");
  expect(await command.ended).toBe(0);
  return command.stderr;
}

/** Every key that a list tells, sorted; fails where one comes twice. */
async function listed(client: FlightClient, criteria = ""): Promise<string[]> {
  const keys: string[] = [];
  for await (const { descriptor } of client.listFlights(criteria)) {
    if (descriptor?.kind === "path") keys.push(descriptor.path[0]!);
  }
  expect(new Set(keys).size).toBe(keys.length);
  return keys.sort();
}

async function getAndCompare(client: FlightClient, session: number, object: number): Promise<void> {
  const key = keyOf(session, object);
  const bodies: Buffer[] = [];
  for await (const data of client.doGet(key)) bodies.push(await data.collect());
  expect(Buffer.concat(bodies).includes(valueUnder(key, PLAN.valueSizeBytes))).toBe(true);
}

describe("a server with many objects on disk", () => {
  it("answers gets and lists each object once from its start on, and again after a restart", async () => {
    const wanted = Array.from({ length: TOTAL }, (_, place) => {
      return keyOf(Math.floor(place / PLAN.objectsPerSession), place % PLAN.objectsPerSession);
    });
    for (let start = 0; start < 2; start += 1) {
      const log = await serving(async (client) => {
        const list = listed(client);
        for (let object = 0; object < 50; object += 1) await getAndCompare(client, object % 10, object * 39);
        expect(await list).toEqual(wanted.sort());
        expect(await listed(client, `${STORE_APPLICATION}/${sessionName(3)}`)).toHaveLength(2_000);
      });
      expect(log).toMatch(/"index is complete","objects":20000/);
      expect(log).not.toMatch(/"level":"(error|warn)/);
    }
  }, 120_000);

  it("has nothing left of a session that was deleted, also when it was listed before", async () => {
    await serving(async (client) => {
      for await (const answer of client.doAction("DELETE", `${STORE_APPLICATION}/${sessionName(3)}`))
        expect(answer.toString()).toBe("OK");
      expect(await listed(client)).toHaveLength(TOTAL - PLAN.objectsPerSession);
    });
    await serving(async (client) => {
      expect(await listed(client)).toHaveLength(TOTAL - PLAN.objectsPerSession);
      await getAndCompare(client, 4, 1);
    });
  }, 120_000);

  it("stops in the middle of its scan", async () => {
    await serving((client) => getAndCompare(client, 9, 1_999));
  }, 60_000);
});
