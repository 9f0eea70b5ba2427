/**
 * Identifies one boot of the machine: while the boot id is the same, no written page has been lost.
 *
 * Linux only. Elsewhere, or if it cannot be read, the id is unknown and equals no other. A restored
 * snapshot of a machine has its memory and its boot id again.
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

/** False if one of them is unknown. */
export function isSameBoot(one: Buffer, other: Buffer): boolean {
  return one.equals(other) && !one.equals(UNKNOWN_BOOT);
}
