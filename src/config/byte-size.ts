/**
 * Parses and formats byte sizes as people write them: `8G`, `1.5GiB`, `512 kb`, `1048576`.
 *
 * All units are powers of 1024, however they are spelled, because existing configuration files mean
 * them so (docs/configuration.md). Fractions of a byte are dropped.
 */
import { LIMITS } from "../limits.ts";
import { textSchema } from "./text-schema.ts";

const UNITS = ["", "K", "M", "G", "T", "P"] as const;
const SIZE = /^(\d+(?:\.\d+)?|\.\d+)\s*(?:b|([kmgtp])(?:i?b|i)?)?$/i;

/** A size of at least one byte, as a safe integer of bytes. */
export const byteSizeSchema = textSchema((text, refuse) => {
  const sizeBytes = parseByteSize(text, refuse);
  return sizeBytes < 1 ? refuse("must be a size of at least one byte") : sizeBytes;
});

/** A size that may be 0, which means none. */
export const byteSizeOrNoneSchema = textSchema(parseByteSize);

/** A size of at least `callsMemoryBytesMin`: one call could not run with less memory. */
export const callsMemorySchema = textSchema((text, refuse) => {
  const sizeBytes = parseByteSize(text, refuse);
  const minText = formatByteSize(LIMITS.callsMemoryBytesMin);
  return sizeBytes < LIMITS.callsMemoryBytesMin ? refuse(`must be a size of at least ${minText}`) : sizeBytes;
});

/** Of the event journal; `none` and 0 turn it off. */
export const journalSizeSchema = textSchema((text, refuse) => {
  const sizeBytes = text.toLowerCase() === "none" ? 0 : parseByteSize(text, refuse);
  const minText = formatByteSize(LIMITS.eventJournalBytesMin);
  const isEnough = sizeBytes === 0 || sizeBytes >= LIMITS.eventJournalBytesMin;
  return isEnough ? sizeBytes : refuse(`must be none, or a size of at least ${minText}`);
});

function parseByteSize(text: string, refuse: (text: string) => never): number {
  const match = SIZE.exec(text);
  if (match === null)
    return refuse("must be a size: a number, optionally followed by K, M, G, T or P, such as 8G");
  const unit = UNITS.indexOf((match[2] ?? "").toUpperCase() as (typeof UNITS)[number]);
  const sizeBytes = Math.floor(Number(match[1]) * 1024 ** unit);
  return Number.isSafeInteger(sizeBytes) ? sizeBytes : refuse("must be a size below 8P");
}

/** The shortest exact spelling: 1073741824 is `1G`, 1000 is `1000`. */
export function formatByteSize(sizeBytes: number): string {
  let unit = 0;
  let count = sizeBytes;
  while (count > 0 && count % 1024 === 0 && unit < UNITS.length - 1) {
    count /= 1024;
    unit++;
  }
  return `${count}${UNITS[unit]}`;
}
