/**
 * A lock between test processes of one machine, named by the path of what is being made.
 *
 * It is a file that holds its owner's process id, linked into place so that nobody ever sees it empty; the lock of a
 * process that is gone is taken over.
 */
import { createHash } from "node:crypto";
import { linkSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const POLL_MS = 200;
const WAIT_MS = 300_000;

/** Runs `make` while no other process does so for the same path. @throws when the lock is not free in time. */
export async function underLock(path: string, make: () => void): Promise<void> {
  const name = createHash("sha256").update(path).digest("hex").slice(0, 16);
  const lock = join(tmpdir(), `flame-lock-${name}`);
  const end = Date.now() + WAIT_MS;
  while (!takeLock(lock)) {
    if (Date.now() > end) throw new Error(`another process holds ${lock} for too long`);
    await wait(POLL_MS);
  }
  try {
    make();
  } finally {
    rmSync(lock, { force: true });
  }
}

function takeLock(lock: string): boolean {
  const own = `${lock}-${process.pid}`;
  writeFileSync(own, `${process.pid}`);
  try {
    linkSync(own, lock);
    return true;
  } catch {
    if (!isOwnerAlive(lock)) rmSync(lock, { force: true });
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

function isOwnerAlive(lock: string): boolean {
  try {
    return process.kill(Number(readFileSync(lock, "utf8")), 0);
  } catch {
    return false;
  }
}
