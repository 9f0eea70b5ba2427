/** What `prepareMemory` and `collectGarbage` keep: the size of young generations, and compiled code. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";

const PROGRAM = new URL("../../support/young-generation-program.ts", import.meta.url);
const HEAP_PROGRAM = new URL("../../support/full-heap-program.ts", import.meta.url);
const COMMAND = new URL("../../../src/cli.ts", import.meta.url);
const CODE_PROGRAM = new URL("../../support/compiled-code-program.ts", import.meta.url);
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

it("compiled code of calls outlives an idle time", async () => {
  const child = fork(CODE_PROGRAM, {
    execArgv: [...commandOptions(), "--allow-natives-syntax", "--import", "tsx"],
  });
  const [{ before, after }] = await once(child, "message");
  expect({ before, after }).toEqual({ before: true, after: true });
});

/** Options of Node in the first line of the command. */
function commandOptions(): string[] {
  const [line] = readFileSync(COMMAND, "utf8").split("\n", 1);
  const { options } = /^#!\/usr\/bin\/env -S node (?<options>.+)$/.exec(line!)!.groups!;
  return options!.split(" ");
}
