/**
 * Room for objects that is taken by those who bring or read nothing, while honest puts need it.
 *
 * The capacity is small enough that it matters.
 */
import * as h2 from "../../support/http2-frames.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { HonestConnection } from "../honest-calls.ts";
import { openRaw } from "../raw-connection.ts";
import { announcedPut, getRequest, PATHS, streamOf } from "../requests.ts";

const MIB = 2 ** 20;
const READ = 25;
const keyOf = (number: number): string => `attack/s/read-${number}`;

async function announce(run: AttackRun): Promise<void> {
  const connection = await openRaw(run.target);
  const bytes = announcedPut("announced", 1_000 * MIB);
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
    what: "a few bytes announce 1,000 MiB and no more come, while others put 50 MiB under a capacity of 1,030 MiB",
    seconds: 14,
    configuration: ["capacity: 1030M"],
    honest: { largeBytes: 50 * MIB, largeKeys: 4, getsLarge: false, timeoutMs: 15_000 },
    attack: announce,
  },
  {
    name: "held-by-readers",
    part: "room",
    what: "25 gets of 25 objects without a window hold a full capacity, while others put",
    seconds: 14,
    configuration: ["capacity: 256M"],
    honest: { largeBytes: 8 * MIB, largeKeys: 1_000, getsLarge: false, warmObjects: 48, timeoutMs: 15_000 },
    async prepare({ target }) {
      const connection = new HonestConnection(target, "127.0.0.1", 60_000);
      for (let i = 0; i < READ; i += 1) await connection.put(keyOf(i), Buffer.alloc(8 * MIB, i));
      connection.close();
    },
    attack: holdRead,
  },
];
