/**
 * Room for objects that is taken by those who bring or read nothing, while honest puts need it.
 *
 * The capacity is small enough that it matters.
 */
import { encodeRecordBatchMessage } from "../../../src/arrow/message-writer.ts";
import { encodeFlightDataHead } from "../../../src/flight/flight-data-encoder.ts";
import { flightData, pathDescriptor } from "../../support/flight-messages.ts";
import * as h2 from "../../support/http2-frames.ts";
import { CLIENT_OPAQUE_SCHEMA } from "../../support/opaque-batch.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { HonestConnection } from "../honest-calls.ts";
import { openRaw } from "../raw-connection.ts";
import { getRequest, grpcMessage, PATHS, streamOf } from "../requests.ts";

const MIB = 2 ** 20;
const READ = 25;
const keyOf = (number: number): string => `attack/s/read-${number}`;

/** The start of an opaque value of 1,000 MiB. */
function announced(): Buffer {
  const sizeBytes = 1_000 * MIB;
  const bodySizeBytes = 8 + 8 + sizeBytes;
  const dataHeader = encodeRecordBatchMessage({
    rowCount: 1,
    nodes: [
      { length: 1, nullCount: 0 },
      { length: 1, nullCount: 0 },
    ],
    buffers: [
      { offset: 0, sizeBytes: 0 },
      { offset: 0, sizeBytes: 8 },
      { offset: 8, sizeBytes: 0 },
      { offset: 8, sizeBytes: 8 },
      { offset: 16, sizeBytes },
    ],
    bodySizeBytes,
  });
  const head = Buffer.concat(encodeFlightDataHead({ dataHeader, bodySizeBytes }));
  const schema = flightData({
    descriptor: pathDescriptor("attack/s/announced"),
    header: CLIENT_OPAQUE_SCHEMA,
  });
  return Buffer.concat([grpcMessage(schema), grpcMessage(head, head.length + bodySizeBytes)]);
}

async function announce(run: AttackRun): Promise<void> {
  const connection = await openRaw(run.target);
  const bytes = announced();
  await connection?.call(1, PATHS.put, bytes);
  run.note(`${bytes.length} bytes of messages announce 1,000 MiB`);
  await run.hold();
}

async function holdRead(run: AttackRun): Promise<void> {
  const connection = await openRaw(run.target, { settings: [[4, 0]] });
  for (let i = 0; i < READ; i += 1)
    await connection?.call(streamOf(i), PATHS.get, getRequest(keyOf(i)), h2.END_STREAM);
  await run.hold();
  const asker = new HonestConnection(run.target, "127.0.0.1", 5_000);
  const found = await Promise.allSettled(Array.from({ length: READ }, (_, i) => asker.find(keyOf(i))));
  const left = found.filter(({ status }) => status === "fulfilled").length;
  run.note(`${left} of ${READ} objects that are being read are still there`);
}

export const TAKEN_ROOM: readonly Attack[] = [
  {
    name: "announced-room",
    part: "room",
    what: "a few bytes announce 1,000 MiB and no more come, while others put 50 MiB under a capacity of 1,100 MiB",
    seconds: 14,
    configuration: ["capacity: 1100M"],
    honest: { largeBytes: 50 * MIB, largeKeys: 4, getsLarge: false, warmObjects: 20, timeoutMs: 15_000 },
    attack: announce,
  },
  {
    name: "held-by-readers",
    part: "room",
    what: "25 gets of 25 objects without a window hold a full capacity, while others put",
    seconds: 14,
    configuration: ["capacity: 256M"],
    honest: { largeBytes: 8 * MIB, largeKeys: 1_000, getsLarge: false, warmObjects: 10, timeoutMs: 15_000 },
    async prepare({ target }) {
      const connection = new HonestConnection(target, "127.0.0.1", 60_000);
      for (let i = 0; i < READ; i += 1) await connection.put(keyOf(i), Buffer.alloc(8 * MIB, i));
      connection.close();
    },
    attack: holdRead,
  },
];
