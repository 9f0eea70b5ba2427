import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { encodeRecordBatchMessage, encodeSchemaMessage } from "../../src/arrow/message-writer.ts";
import { builtDoor } from "../support/built-package.ts";
import { pathDescriptor, putMessages } from "../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../support/in-process-server.ts";
import { startCommand } from "../support/start-command.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

let server: InProcessServer;
let directory: TemporaryDirectory;
beforeAll(async () => {
  await builtDoor();
  server = await startInProcess();
  directory = temporaryDirectory("cli-signals");
});
afterAll(async () => {
  await server.stop();
  directory.remove();
});

/** Processor time of the process, in ticks of 10 ms (proc(5), utime). */
function cpuTicksOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return Number(stat.slice(stat.lastIndexOf(")")).split(" ")[12]);
}

/** The start takes half of it; the loop, tens of seconds. */
const LOOPING_TICKS = 100;

describe.skipIf(process.platform !== "linux")("a long loop of a verb", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("is ended by %s", async (signal) => {
    const key = `loop/s/${signal}`;
    await server.client.put(zeroTable(pathDescriptor(key), { columns: 40, rows: 100_000 }));
    const command = startCommand(["cat", key, "-n", "100000"], {
      directory: directory.path,
      environment: { FLAME_CACHE_ENDPOINT: server.endpoint },
    });
    await until(() => cpuTicksOf(command.pid) >= LOOPING_TICKS);
    command.signal(signal);
    expect(await command.ended).toBeNull();
    expect(command.stdout).toBe("");
  });
});

/** Asks again in each turn of the event loop. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await setImmediate();
}

/** Many cells of zero. */
function zeroTable(descriptor: Uint8Array, { columns, rows }: { columns: number; rows: number }): Buffer[] {
  const names = Array.from({ length: columns }, (_, index) => `n${index}`);
  const sizeBytes = 8 * rows;
  const schema = encodeSchemaMessage({
    fields: names.map((name) => ({ name, type: "uint64", nullable: false })),
  });
  const body = Buffer.alloc(sizeBytes * columns);
  const header = encodeRecordBatchMessage({
    rowCount: rows,
    nodes: names.map(() => ({ length: rows, nullCount: 0 })),
    buffers: names.flatMap((_, index) => [
      { offset: 0, sizeBytes: 0 },
      { offset: sizeBytes * index, sizeBytes },
    ]),
    bodySizeBytes: body.length,
  });
  return putMessages(descriptor, schema, [{ header, body }]);
}
