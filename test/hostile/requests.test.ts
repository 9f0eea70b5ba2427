/**
 * Requests that cost as much as a client can make them cost: each is answered or refused by its limit, and freezes nobody.
 *
 * The server is in a process of its own, which measures how long its event loop was kept from others. The longest turn of each request is
 * printed; the bound on it is a guard against the seconds that were seen once, and far above what is promised (LIMITS.turnMs).
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isCacheError } from "../../src/errors.ts";
import { workedMs } from "../support/loop-turns.ts";
import { type MeasuredServer, startMeasuredServer } from "../support/measured-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { HOSTILE_OBJECTS } from "./hostile-objects.ts";
import { HOSTILE_REQUESTS } from "./hostile-requests.ts";

const FROZEN_MS = 250;
const CALL_MS = 120_000;
/** Thousands of calls on a busy machine. */
const OBJECT_MS = 300_000;

const table: string[] = [];
const directory = temporaryDirectory("requests");
let server: MeasuredServer;

beforeAll(async () => {
  server = await startMeasuredServer(directory.path);
  // What compiles at the first call is no freeze of the later ones.
  await server.with(async (client) => {
    for (let call = 0; call < 200; call += 1) await client.action("UPDATE", "app/warm/object:QUJD");
  });
  await server.measured();
});

afterAll(() => {
  server.stop();
  directory.remove();
  console.log(["longest turn, ms", ...table].join("\n"));
});

async function outcomeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return "answered";
  } catch (error) {
    return isCacheError(error) ? error.code : String(error);
  }
}

/** How long the server's loop was busy at a stretch since the last time. */
async function longestTurn(title: string): Promise<number> {
  const { turn } = await server.measured();
  table.push(`${workedMs(turn).toFixed(1).padStart(8)}  ${title}`);
  return workedMs(turn);
}

describe("a request", () => {
  it.each(HOSTILE_REQUESTS)(
    "$title is $outcome and freezes nobody",
    async ({ title, path, build, outcome }) => {
      const call = server.with((client) => client.exchange(path, [build()], { timeoutMs: CALL_MS }));
      expect(await outcomeOf(call)).toBe(outcome);
      expect(server.exitCode).toBeNull();
      expect(await longestTurn(title)).toBeLessThan(FROZEN_MS);
    },
  );
});

describe("an object", () => {
  it.each(HOSTILE_OBJECTS)(
    "$title is put, found and sent, and freezes nobody",
    async ({ title, put, use }) => {
      await server.with(put);
      expect(await longestTurn(`${title}: put`)).toBeLessThan(FROZEN_MS);
      await server.with(use);
      expect(server.exitCode).toBeNull();
      expect(await longestTurn(`${title}: use`)).toBeLessThan(FROZEN_MS);
    },
    OBJECT_MS,
  );
});
