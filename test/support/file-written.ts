/**
 * Waits for the file of an object: until the server writes it, a small object is in its log.
 */
import { existsSync } from "node:fs";
import { vi } from "vitest";

/** Longer than a file waits that was not changed, on a busy machine (LIMITS.restDelayMs). */
const WAIT_MS = 30_000;

/** Resolves when the file is there. Nothing must be there before. */
export async function fileWritten(path: string): Promise<void> {
  await vi.waitFor(
    () => {
      if (!existsSync(path)) throw new Error(`no file is at ${path}`);
    },
    { timeout: WAIT_MS, interval: 10 },
  );
}
