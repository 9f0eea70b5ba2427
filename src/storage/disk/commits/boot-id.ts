/**
 * What tells one run of the machine from another: while it is the same, no page that was written is lost.
 *
 * Linux only; elsewhere, and where it cannot be read, it is unknown, and equal to none. A restored snapshot of a machine has its memory
 * and its boot id again.
 */
import fs from "node:fs";

const BOOT_ID_FILE = "/proc/sys/kernel/random/boot_id";
const HEX_DIGITS = 32;

/** Zeros. */
export const UNKNOWN_BOOT: Buffer = Buffer.alloc(HEX_DIGITS / 2);

export function readBootId(): Buffer {
  try {
    return parseBootId(fs.readFileSync(BOOT_ID_FILE, "latin1"));
  } catch {
    return UNKNOWN_BOOT;
  }
}

/** @param text a UUID. */
export function parseBootId(text: string): Buffer {
  const digits = text.replaceAll("-", "").trim();
  return /^[0-9a-f]{32}$/.test(digits) ? Buffer.from(digits, "hex") : UNKNOWN_BOOT;
}

/** False when one of them is not known. */
export function isSameBoot(one: Buffer, other: Buffer): boolean {
  return one.equals(other) && !one.equals(UNKNOWN_BOOT);
}
