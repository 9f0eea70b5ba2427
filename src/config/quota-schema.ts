/**
 * The shape of a quota in the access file: what an application or identity may hold, and how fast
 * it may put. Pure.
 */
import { z } from "zod";
import { byteSizeSchema } from "./byte-size.ts";

/** The limits of one application or identity; undefined: no limit. */
export interface QuotaEntry {
  readonly bytes?: number | undefined;
  readonly objects?: number | undefined;
  readonly putsPerSecond?: number | undefined;
  /** Bytes of puts. */
  readonly bytesPerSecond?: number | undefined;
}

const COUNT = "must be a whole number of at least 1; leave it out for no limit";
const count = z.int({ error: COUNT }).min(1, { error: COUNT });

const RATE = "must be a number above 0; leave it out for no limit";
const rate = z.number({ error: RATE }).positive({ error: RATE });

export const quotaSchema = z.looseObject(
  {
    bytes: byteSizeSchema.optional(),
    objects: count.optional(),
    puts_per_second: rate.optional(),
    bytes_per_second: byteSizeSchema.optional(),
  },
  { error: "must be a mapping such as {bytes: 10G, objects: 100000}" },
);

export type QuotaDocument = z.infer<typeof quotaSchema>;

export const QUOTA_KEYS = ["bytes", "objects", "puts_per_second", "bytes_per_second"] as const;

export function quotaOf(quota: QuotaDocument): QuotaEntry {
  const { bytes, objects, puts_per_second: putsPerSecond, bytes_per_second: bytesPerSecond } = quota;
  return { bytes, objects, putsPerSecond, bytesPerSecond };
}
