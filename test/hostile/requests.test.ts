/**
 * Requests that cost as much as a client can make them cost: each is answered or refused by its limit, and freezes nobody.
 *
 * The built server runs in a process of its own, with the recorder of turns inside. The longest turn of each request is
 * printed; the bound on it is a guard against the seconds that were seen once, and far above what is promised (LIMITS.turnMs).
 */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { isCacheError } from "../../src/errors.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { HOSTILE_OBJECTS } from "./hostile-objects.ts";
import { HOSTILE_REQUESTS } from "./hostile-requests.ts";
import { isRunning } from "./process-figures.ts";
import { type RecordedServer, startRecordedServer } from "./recorded-server.ts";

const FROZEN_MS = 250;
const CALL_MS = 120_000;
/** Thousands of calls on a busy machine. */
const OBJECT_MS = 300_000;
/** Many times what lies between two records. */
const RECORD_MS = { timeout: 20_000 };

const table: string[] = [];
const directory = temporaryDirectory("requests");
let recorded: RecordedServer;
let judged = 0;

beforeAll(async () => {
  recorded = await startRecordedServer({ storage: join(directory.path, "objects") });
  // What compiles at the first call is no freeze of the later ones.
  await withClient(async (client) => {
    for (let call = 0; call < 200; call += 1) await client.action("UPDATE", "app/warm/object:QUJD");
  });
  await longestTurnMs();
});

afterAll(async () => {
  await recorded.stop();
  directory.remove();
  console.log(["longest turn, ms", ...table].join("\n"));
});

/** On a connection of its own: what one call leaves in a client's session is no matter of the next. */
async function withClient<Result>(use: (client: FlightTestClient) => Promise<Result>): Promise<Result> {
  await using client = new FlightTestClient(recorded.server.endpoint);
  return await use(client);
}

async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "answered";
  } catch (error) {
    return isCacheError(error) ? error.code : String(error);
  }
}

/** How long the server's loop was busy at a stretch since the last time, once that is on record. */
async function longestTurnMs(): Promise<number> {
  const now = Date.now();
  await vi.waitFor(() => expect(recorded.records().at(-1)?.time).toBeGreaterThan(now), RECORD_MS);
  const records = recorded.records();
  const longest = Math.max(...records.slice(judged).map(({ workedMs }) => workedMs));
  judged = records.length;
  return longest;
}

async function longestTurn(title: string): Promise<number> {
  const longestMs = await longestTurnMs();
  table.push(`${longestMs.toFixed(1).padStart(8)}  ${title}`);
  return longestMs;
}

describe("a request", () => {
  it.each(HOSTILE_REQUESTS)(
    "$title is $outcome and freezes nobody",
    async ({ title, path, build, outcome }) => {
      const call = withClient((client) => client.exchange(path, [build()], { timeoutMs: CALL_MS }));
      expect(await outcomeOf(call)).toBe(outcome);
      expect(isRunning(recorded.server.pid)).toBe(true);
      expect(await longestTurn(title)).toBeLessThan(FROZEN_MS);
    },
  );
});

describe("an object", () => {
  it.each(HOSTILE_OBJECTS)(
    "$title is put, found and sent, and freezes nobody",
    async ({ title, put, use }) => {
      await withClient(put);
      expect(await longestTurn(`${title}: put`)).toBeLessThan(FROZEN_MS);
      await withClient(use);
      expect(isRunning(recorded.server.pid)).toBe(true);
      expect(await longestTurn(`${title}: use`)).toBeLessThan(FROZEN_MS);
    },
    OBJECT_MS,
  );
});
