/** The young generation of a process that ran `prepareMemory`, in the main thread and in a worker. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";

const PROGRAM = new URL("../../support/young-generation-program.ts", import.meta.url);
const HEAP_PROGRAM = new URL("../../support/full-heap-program.ts", import.meta.url);
const MIB = 2 ** 20;
/** For 300 MiB of garbage beside 600,000 objects. */
const FULL_MAX = 8;

/** V8 grows to 32 MiB by itself. Node 24 may take a step more than the size that is kept. */
const MAIN_MAX_BYTES = 20 * MIB;

it("the young generation keeps its size under load", async () => {
  const child = fork(PROGRAM, { execArgv: ["--import", "tsx"] });
  const [{ bytesMax, workerBytes }] = await once(child, "message");
  expect(bytesMax).toBeLessThan(MAIN_MAX_BYTES);
  expect(workerBytes).toBe(8 * MIB);
});

it("a heap of many objects is not collected whole again and again for the garbage of calls", async () => {
  const child = fork(HEAP_PROGRAM, { execArgv: ["--import", "tsx"] });
  const [{ collections }] = await once(child, "message");
  expect(collections).toBeLessThan(FULL_MAX);
});
