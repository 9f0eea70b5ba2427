/**
 * What the honest client does while others attack: small puts and gets all the time, large ones now and then.
 *
 * It comes from an address of its own, dials anew again and again, and has one call of each size under way at a time.
 */

export interface HonestPlan {
  readonly smallBytes: number;
  readonly largeBytes: number;
  /** Between a large put with its get and the next one. */
  readonly largePauseMs: number;
  /** Large objects are put under this many keys in turn. */
  readonly largeKeys: number;
  /** A call that takes longer failed. */
  readonly timeoutMs: number;
  /** Whether large objects are read after they were put. */
  readonly getsLarge: boolean;
  /** Objects of 1 MiB that are put and read before anything is measured, so that the memory tier is full. */
  readonly warmObjects: number;
  /** Where it comes from; an attack of its own host's would share its share. */
  readonly address: string;
}

export const HONEST_PLAN: HonestPlan = {
  smallBytes: 1024,
  largeBytes: 2 ** 20,
  largePauseMs: 100,
  largeKeys: 8,
  timeoutMs: 10_000,
  getsLarge: true,
  warmObjects: 80,
  address: "127.0.0.99",
};

/** Of one phase, milliseconds. */
export interface HonestSamples {
  readonly small: readonly number[];
  readonly large: readonly number[];
  /** What did not succeed, as text, with how often. */
  readonly failures: Readonly<Record<string, number>>;
}
