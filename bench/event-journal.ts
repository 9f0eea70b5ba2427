/**
 * Measures the event journal: processor time of an event, and of a question that finds nothing.
 *
 * Usage: npx tsx bench/event-journal.ts [ROUNDS]. Rounds with and without the journal alternate.
 */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { EventJournal } from "../src/cache/events/event-journal.ts";
import { DiskEventStore } from "../src/storage/disk/events/disk-event-store.ts";
import { temporaryDirectory } from "../test/support/temporary-directory.ts";

const EVENTS = 200_000;
const EVENTS_PER_TURN = 100;
const BYTES_MAX = 64 * 1024 ** 2;

/** @returns processor time of each event, us. */
async function recordMany(events: EventJournal | undefined): Promise<number> {
  const before = process.cpuUsage();
  for (let index = 0; index < EVENTS; index += 1) {
    const details = index % 2 === 0 ? undefined : { replaced: index };
    const event = { name: `app/session/object-${index}`, event: "put", version: index, bytes: 1024 } as const;
    events?.record({ ...event, by: "worker-7", details });
    if (index % EVENTS_PER_TURN === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / EVENTS;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}

const rounds = Number(process.argv[2] ?? 7);
const { path: directory, remove } = temporaryDirectory("event-journal");
const head = (): string => EventJournal.head();
const journal = new EventJournal(new DiskEventStore({ directory, bytesMax: BYTES_MAX, head }));
await journal.open();
const on: number[] = [];
const off: number[] = [];
for (let round = 0; round < rounds; round += 1) {
  off.push(await recordMany(undefined));
  on.push(await recordMany(journal));
}
await journal.find(["app/session/none"]);
const before = process.cpuUsage();
await journal.find(["app/session/none", "app/session", "app"]);
const { user, system } = process.cpuUsage(before);
const files = readdirSync(join(directory, ".journal"));
const bytes = files.reduce((sum, name) => sum + statSync(join(directory, ".journal", name)).size, 0);
console.log(`an event      ${(median(on) - median(off)).toFixed(2)} us of processor time`);
console.log(`a question    ${((user + system) / 1000).toFixed(0)} ms of processor time`);
console.log(`the journal   ${(bytes / 1024 ** 2).toFixed(1)} MiB`);
await journal.close();
remove();
