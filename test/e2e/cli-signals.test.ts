import { readFileSync } from "node:fs";
import { constants } from "node:os";
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

/** Whether the process leaves a signal to its default action (proc(5), SigCgt). */
function isCaught(pid: number, number: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? "0";
  return ((BigInt(`0x${mask}`) >> BigInt(number - 1)) & 1n) === 1n;
}

describe.skipIf(process.platform !== "linux")("a long loop of a verb", () => {
  it.each(["SIGTERM", "SIGINT"] as const)("is ended by %s", async (signal) => {
    const key = `loop/s/${signal}`;
    await server.client.put(zeroTable(pathDescriptor(key), { columns: 40, rows: 100_000 }));
    const command = startCommand(["cat", key, "-n", "100000"], {
      directory: directory.path,
      environment: { FLAME_CACHE_ENDPOINT: server.endpoint },
    });
    const number = constants.signals[signal];
    await until(() => isCaught(command.pid, number));
    await until(() => !isCaught(command.pid, number));
    command.signal(signal);
    // By its default action, or by our handler when it came in the moment between two loops.
    expect([null, 128 + number]).toContain(await command.ended);
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
