/**
 * One run of random calls against a cache over a disk that is too small for them, with pins, leases, times to live, restarts
 * and a clock of the test's.
 *
 * After each step: the files on disk are within the capacity; what is pinned and was answered is there; nothing that expired is served;
 * what is missing was deleted, expired or counted as evicted; and no version came twice for a key.
 */

import { expect } from "vitest";
import { StorageBudget } from "../../../src/cache/storage-budget.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { encodeRenewRequest } from "../../../src/flight/lifetime-messages.ts";
import { sweepNow } from "../../support/cache-over.ts";
import { Gate } from "../../support/direct-service.ts";
import { Random } from "../../support/random.ts";
import { CacheUnderTest } from "../cache-model/cache-under-test.ts";
import { BoundedDisk } from "./bounded-disk.ts";

export const CAPACITY_BYTES = 100_000;
/** Beyond its value a file takes at most so much. */
const FILE_EXTRA_BYTES = 2000;
const READERS_MAX = 3;

/** What was answered and not deleted since. */
interface Known {
  readonly version: number;
  readonly base: string;
  readonly patches: readonly string[];
  /** Infinity: no end. */
  readonly untilMs: number;
  readonly ttlMs: number;
}

export class CapacityRun {
  readonly #random: Random;
  readonly #disk: BoundedDisk;
  readonly #seed: number;
  /** What should be there, unless it was evicted. */
  readonly #known = new Map<string, Known>();
  /** The highest version answered, for each key there ever was. */
  readonly #highest = new Map<string, number>();
  /** Until when a key is pinned. */
  readonly #pins = new Map<string, number>();
  #cache: CacheUnderTest;
  #openReads: (() => Promise<void>)[] = [];
  #nowMs = Date.UTC(2030, 0, 1);
  #where = "";
  /** Evictions counted by the caches before this one. */
  #countedBefore = 0;
  readonly seen = { evicted: 0, expired: 0, refused: 0, restarts: 0, gets: 0 };

  constructor(seed: number, directory: string) {
    this.#seed = seed;
    this.#random = new Random(seed);
    this.#disk = new BoundedDisk(directory, CAPACITY_BYTES);
    this.#cache = this.#openCache();
  }

  get mostBytes(): number {
    return this.#disk.mostBytes;
  }

  start(): Promise<void> {
    return this.#cache.start();
  }

  async step(serial: number): Promise<void> {
    const [name, work] = this.#random.pick(STEPS);
    this.#where = `seed ${this.#seed}, step ${serial}, ${name}`;
    await work(this, serial);
    await this.#check();
  }

  async end(): Promise<void> {
    while (this.#openReads.length > 0) await this.#openReads.pop()?.();
    await this.restart();
    await this.#check();
    await this.#cache.stop();
  }

  #openCache(): CacheUnderTest {
    const budget = new StorageBudget({ policy: new LruPolicy(), evicts: true, bytesMax: CAPACITY_BYTES });
    return new CacheUnderTest(this.#disk.open(), { budget, nowMs: () => this.#nowMs });
  }

  #key(): string {
    return `${this.#random.pick(["a", "b"])}/s/${this.#random.below(12)}`;
  }

  #value(serial: number): string {
    const sizeBytes = this.#random.pick([
      10, 500, 3000, 3000, 9000, 9000, 9000, 20_000, 20_000, 40_000, 99_000, 120_000,
    ]);
    return `${serial} `.repeat(sizeBytes).slice(0, sizeBytes);
  }

  async put(serial: number): Promise<void> {
    const key = this.#key();
    const value = this.#value(serial);
    const ttlSeconds = this.#random.pick([undefined, undefined, 5, 30, 200]);
    const headers = ttlSeconds === undefined ? {} : { "flame-ttl-seconds": String(ttlSeconds) };
    const chunkBytes = 1 + this.#random.below(30_000);
    const answer = await this.#cache.put(key, "opaque", value, { headers, chunkBytes });
    if (typeof answer === "string") return this.#checkRefusal(answer, value.length);
    this.#note(key, answer.version);
    const ttlMs = (ttlSeconds ?? 0) * 1000;
    const untilMs = ttlMs === 0 ? Number.POSITIVE_INFINITY : this.#nowMs + ttlMs;
    this.#known.set(key, { version: answer.version, base: value, patches: [], untilMs, ttlMs });
  }

  async patch(serial: number): Promise<void> {
    const key = this.#key();
    const value = this.#value(serial).slice(0, 5000);
    const answer = await this.#cache.patch(key, "opaque", value);
    const known = this.#known.get(key);
    if (typeof answer !== "string") {
      this.#note(key, answer.version);
      expect(known?.version, this.#where).toBe(answer.version - 1);
      const patches = [...known!.patches, value];
      this.#known.set(key, { ...known!, version: answer.version, patches });
    } else if (answer !== "OBJECT_NOT_FOUND") this.#checkRefusal(answer, value.length);
  }

  /** Sixteen at once: together they want more than there is. */
  async putsAtOnce(serial: number): Promise<void> {
    const puts = Array.from({ length: 16 }, async (_, index) => {
      const key = `burst/${serial}/${index}`;
      const value = "b".repeat(12_000);
      const answer = await this.#cache.put(key, "opaque", value, { chunkBytes: 1000 });
      if (typeof answer === "string") return this.#checkRefusal(answer, CAPACITY_BYTES);
      this.#note(key, answer.version);
      const { version } = answer;
      this.#known.set(key, {
        version,
        base: value,
        patches: [],
        untilMs: Number.POSITIVE_INFINITY,
        ttlMs: 0,
      });
    });
    await Promise.all(puts);
  }

  /** A version is above all that were answered for its key. */
  #note(key: string, version: number): void {
    expect(version, `${this.#where} ${key}`).toBeGreaterThan(this.#highest.get(key) ?? 0);
    this.#highest.set(key, version);
  }

  /** Only what has no room is refused: pinned objects, those being read, and this value hold it. */
  #checkRefusal(code: string, sizeBytes: number): void {
    expect(code, this.#where).toBe("STORAGE_FULL");
    this.seen.refused += 1;
    if (this.#openReads.length > 0) return;
    const pinnedBytes = [...this.#known].reduce((sum, [key, { base, patches }]) => {
      if (!this.#isPinned(key)) return sum;
      const files = 1 + patches.length;
      return sum + base.length + patches.join("").length + files * FILE_EXTRA_BYTES;
    }, 0);
    expect(pinnedBytes + sizeBytes + FILE_EXTRA_BYTES, this.#where).toBeGreaterThan(CAPACITY_BYTES);
  }

  #isPinned(key: string): boolean {
    const known = this.#known.get(key);
    return known !== undefined && known.untilMs > this.#nowMs && (this.#pins.get(key) ?? 0) > this.#nowMs;
  }

  async get(): Promise<void> {
    const key = this.#key();
    await this.#compare(key, await this.#cache.get(key, undefined));
  }

  async slowGet(): Promise<void> {
    if (this.#openReads.length >= READERS_MAX) await this.#openReads.shift()?.();
    const key = this.#key();
    const known = this.#served(key);
    const gate = new Gate();
    const answer = this.#cache.get(key, undefined, { reader: gate });
    const first = await Promise.race([answer, gate.reached]);
    if (typeof first === "string") return await this.#compare(key, first);
    this.#openReads.push(async () => {
      gate.open();
      expect(await answer, this.#where).toEqual(contentOf(known!));
    });
  }

  async endSlowGet(): Promise<void> {
    await this.#openReads.shift()?.();
  }

  #served(key: string): Known | undefined {
    const known = this.#known.get(key);
    return known !== undefined && known.untilMs > this.#nowMs ? known : undefined;
  }

  /** What was answered, or nothing: then it expired, was deleted, or evicted if it may be. */
  async #compare(key: string, answer: unknown): Promise<void> {
    this.seen.gets += 1;
    const known = this.#served(key);
    if (known === undefined || (answer === "OBJECT_NOT_FOUND" && !this.#isPinned(key))) {
      expect(answer, `${this.#where} ${key}`).toBe("OBJECT_NOT_FOUND");
    } else expect(answer, `${this.#where} ${key}`).toEqual(contentOf(known));
  }

  async delete(): Promise<void> {
    const key = this.#key();
    await this.#cache.delete(key);
    this.#known.delete(key);
    this.#pins.delete(key);
  }

  /** At most two at once, or nothing else would have room. */
  async pin(): Promise<void> {
    const key = this.#key();
    const pinned = [...this.#pins.keys()];
    if (pinned.length >= 2) return await this.unpin();
    const ttlSeconds = this.#random.pick([undefined, 20, 100]);
    const body = JSON.stringify({ key, ttl_seconds: ttlSeconds ?? null });
    const answer = await this.#cache.act("PIN", body);
    if (answer === "OBJECT_NOT_FOUND") return;
    const untilMs = ttlSeconds === undefined ? Number.POSITIVE_INFINITY : this.#nowMs + ttlSeconds * 1000;
    this.#pins.set(key, Math.max(untilMs, this.#pins.get(key) ?? 0));
  }

  async unpin(): Promise<void> {
    const key = [...this.#pins.keys()][0] ?? this.#key();
    await this.#cache.act("UNPIN", key);
    this.#pins.delete(key);
  }

  async renew(): Promise<void> {
    const key = this.#key();
    const ticket = Buffer.from(key);
    const answer = await this.#cache.act(
      "RenewFlightEndpoint",
      encodeRenewRequest({ ticket, locations: [] }),
    );
    const known = this.#served(key);
    if (answer === "OBJECT_NOT_FOUND" || known === undefined || known.ttlMs === 0) return;
    this.#known.set(key, { ...known, untilMs: Math.max(known.untilMs, this.#nowMs + known.ttlMs) });
  }

  async timePasses(): Promise<void> {
    this.#nowMs += this.#random.pick([1, 1000, 5000, 5000, 40_000]);
    if (this.#random.below(2) === 0) await sweepNow(this.#cache.cache);
  }

  async restart(): Promise<void> {
    while (this.#openReads.length > 0) await this.#openReads.pop()?.();
    await this.#cache.stop();
    this.#countedBefore += this.#cache.cache.counts.removals.evictedObjects;
    this.#cache = this.#openCache();
    await this.#cache.start();
    this.seen.restarts += 1;
  }

  async #check(): Promise<void> {
    await this.#disk.check();
    const present = new Set(await this.#cache.list(""));
    for (const [key, { untilMs }] of this.#known) {
      const isExpired = untilMs <= this.#nowMs;
      if (isExpired) expect(present.has(key), `${this.#where} ${key}`).toBe(false);
      if (present.has(key)) continue;
      if (isExpired) this.seen.expired += 1;
      else this.seen.evicted += 1;
      expect(this.#isPinned(key), `${this.#where} ${key} is pinned and gone`).toBe(false);
      this.#known.delete(key);
      if (isExpired) this.#pins.delete(key);
    }
    for (const [key, untilMs] of this.#pins) if (untilMs <= this.#nowMs) this.#pins.delete(key);
    const counted = this.#countedBefore + this.#cache.cache.counts.removals.evictedObjects;
    expect(this.seen.evicted, `${this.#where}: gone without being counted`).toBeLessThanOrEqual(counted);
  }
}

function contentOf({ version, base, patches }: Known): unknown {
  const rows = [base, ...patches];
  const first = version - patches.length;
  return { schema: "plain", rows: rows.map((data, index) => ({ version: first + index, data })) };
}

type Step = readonly [string, (run: CapacityRun, serial: number) => Promise<void>];

/** What happens how often. */
const STEPS: readonly Step[] = (
  [
    [24, "put", (run, serial) => run.put(serial)],
    [8, "patch", (run, serial) => run.patch(serial)],
    [1, "puts at once", (run, serial) => run.putsAtOnce(serial)],
    [14, "get", (run) => run.get()],
    [4, "slow get", (run) => run.slowGet()],
    [6, "end of a slow get", (run) => run.endSlowGet()],
    [3, "delete", (run) => run.delete()],
    [4, "pin", (run) => run.pin()],
    [3, "unpin", (run) => run.unpin()],
    [5, "renew", (run) => run.renew()],
    [6, "time", (run) => run.timePasses()],
    [1, "restart", (run) => run.restart()],
  ] as const satisfies readonly (readonly [number, ...Step])[]
).flatMap(([times, name, work]) => Array.from({ length: times }, (): Step => [name, work]));
