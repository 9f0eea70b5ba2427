/**
 * The process that gets killed: does everything a disk engine does, round after round, and tells on
 * standard output what is done. Run by Node, bundled: DIRECTORY DELAY [STEP NTH], where files come
 * to rest after DELAY ms and the process kills itself before the nth STEP.
 *
 * A line is a word, a key and a number: "put a/s/o 7" is told when that publish has been promised
 * to the caller, "removing c1 7" before the removal of what 7 has put, and "gone c1 7" after it.
 */
import fs from "node:fs";
import { DiskStorage } from "../../src/storage/disk/disk-storage.ts";
import type { Durability, StoredName } from "../../src/storage/object-storage.ts";
import { sealedBytes } from "./sealed-bytes.ts";

const [directory = "", delay = "0", step = "none", nth = "1"] = process.argv.slice(2);
let countdown = Number(nth);

const storage = new DiskStorage({
  directory,
  // So small that segments are made, filled, released and removed in every round or two.
  log: {
    segmentBytes: 8 * 1024,
    segmentsMax: 6,
    sparesMax: 1,
    quickFillMs: 0,
    syncDelayMs: 0,
    segmentAgeMs: 20,
    restDelayMs: Number(delay),
  },
  beforeStep: (each) => {
    if (each !== step) return;
    countdown -= 1;
    if (countdown === 0) process.kill(process.pid, "SIGKILL");
  },
});

function tell(word: string, key: string, serial: number): void {
  fs.writeSync(1, `${word} ${key} ${serial}\n`);
}

function name(objectId: string, part: StoredName["part"] = { kind: "file" }): StoredName {
  return { key: { applicationId: "a", sessionId: "s", objectId }, part };
}

async function put(
  target: StoredName,
  sizeBytes: number,
  serial: number,
  durability?: Durability,
): Promise<void> {
  const bytes = sealedBytes(sizeBytes, serial);
  const staged = storage.stage();
  // The seal comes last, as an object's version does: it overwrites what may be on disk already.
  await staged.append([Buffer.alloc(48)]);
  for (let position = 48; position < bytes.length; position += 100_000) {
    await staged.append([bytes.subarray(position, position + 100_000)]);
  }
  await staged.overwrite(0, bytes.subarray(0, 48));
  await staged.publish(target, durability);
}

/** Says the latest first as one more line, then as the only one. */
async function note(serial: number): Promise<void> {
  await storage.journal.append(`noted ${serial}`, serial % 2 === 0 ? "power-loss" : "restart");
  tell("note", "-", serial);
  if (serial % 3 === 0) await storage.journal.rewrite([`noted ${serial}`]);
}

/** Small, and large: what one name holds is now a record of the log and now a file. */
async function putByTurns(serial: number): Promise<void> {
  await put(name("turns"), serial % 2 === 0 ? 1200 : 90_000, serial);
  tell("put", "turns", serial);
}

async function removeAndTell(objectId: string, serial: number): Promise<void> {
  tell("removing", objectId, serial);
  await storage.remove(name(objectId), serial);
  tell("gone", objectId, serial);
}

async function round(serial: number): Promise<void> {
  await note(serial);
  for (const [objectId, sizeBytes] of [
    ["small", 1500],
    ["large", 3_000_000 + serial],
  ] as const) {
    await put(name(objectId), sizeBytes, serial, serial % 2 === 0 ? "power-loss" : "restart");
    await storage.syncFiles([name(objectId)]);
    tell("put", objectId, serial);
  }
  await putByTurns(serial);
  await put(name("patched", { kind: "patch", baseVersion: serial, version: serial + 1 }), 700, serial);
  tell("put", "patched", serial);
  await storage.removePatches(name("patched").key, { allBut: serial });
  const gone = { applicationId: "b", sessionId: `s${serial}`, objectId: "gone" };
  await put({ key: gone, part: { kind: "file" } }, 900, serial);
  await storage.raiseVersionFloor(serial);
  await storage.remove({ key: gone, part: { kind: "file" } }, serial);
  await storage.syncRemovals([gone]);
  tell("floor", "-", serial);
  for (const objectId of ["c1", "c2", "c3", "c4", "c5", "c6"]) {
    await put(name(objectId), 1500, serial, serial % 3 === 0 ? "restart" : "power-loss");
    tell("put", objectId, serial);
  }
  await storage.locate(name("c3"));
  for (const objectId of ["c1", "large"]) await removeAndTell(objectId, serial);
  await put(name("bad"), 800, serial, "power-loss");
  await storage.quarantine(name("bad"), "crash test");
  tell("quarantine", "bad", serial);
  const dropped = storage.stage();
  await dropped.append([Buffer.alloc(2_000_000)]);
  await dropped.discard();
}

// As in a server, something else keeps the process: the engine's timers do not.
setInterval(() => {}, 1000);
await storage.start();
for await (const _ of storage.journal.read());
tell("started", "-", storage.versionFloor);
for (let serial = storage.versionFloor + 1; ; serial++) await round(serial);
