/**
 * How long objects stay, as set by clients: pins, leases, and times to live. Journaled before the
 * answer.
 *
 * A pinned object can still be deleted, and still expires. Deleting what a name matches also
 * removes the settings under that name and below it. Names are those of patterns: `app`,
 * `app/session`, `app/session/object`.
 */
import { assert, CacheError, isCacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { formatObjectKey, type KeyPattern, type ObjectKey, parseObjectKey } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import type { Durability, RecordJournal } from "../../storage/object-storage.ts";
import { turnIfDue } from "../../turns.ts";
import { LifetimeRule, Lifetimes, type Mortal } from "./lifetimes.ts";
import { type Pin, Pins } from "./pins.ts";
import { RetentionLog } from "./retention-log.ts";
import type { RetentionRecord } from "./retention-record.ts";
import type { SteadyClock } from "./steady-clock.ts";

const log = logFor("cache");

/** Normal clock corrections are smaller. */
const CLOCK_TOLERANCE_MS = 60_000;

/** Names that are checked between two checks whether other calls should run. */
const LOOKED_AT_PER_TURN = 100;

export class Retention {
  readonly pins: Pins;
  readonly lifetimes: Lifetimes;
  readonly #clock: SteadyClock;
  readonly #nowMs: () => number;
  readonly #log: RetentionLog;
  /** The time in the journal; 0: none. */
  #journaledTimeMs = 0;

  constructor(journal: RecordJournal | undefined, clock: SteadyClock) {
    const nowMs = (): number => clock.nowMs();
    this.#clock = clock;
    this.#nowMs = nowMs;
    this.pins = new Pins(nowMs);
    this.lifetimes = new Lifetimes(nowMs);
    const cache = this;
    this.#log = new RetentionLog(journal, {
      get count() {
        return cache.#recordCount;
      },
      all: () => this.#records(),
    });
  }

  /** Reads the journal. Called once, before any object is added. */
  async load(): Promise<void> {
    for await (const record of this.#log.read()) this.#apply(record);
    const aheadMs = this.#clock.notBefore(this.#journaledTimeMs);
    if (aheadMs > CLOCK_TOLERANCE_MS)
      log.warn("the clock was set back: times to live continue from the earlier time", { aheadMs });
    this.#log.compactWhenObsolete();
  }

  /**
   * Something has expired: journals the time, so that a start has no earlier one. If that fails, it
   * holds for this process.
   */
  async timePassed(): Promise<void> {
    const timeMs = this.#nowMs();
    if (timeMs <= this.#journaledTimeMs) return;
    try {
      await this.#tell({ kind: "clock", timeMs });
    } catch (error) {
      if (!isCacheError(error, "STORAGE_FULL") && !isCacheError(error, "STORAGE_IO")) throw error;
    }
  }

  /** When the next lease or lifetime ends, ms; undefined: none does. */
  get nextEndMs(): number | undefined {
    const ends = [this.pins.nextEndMs, this.lifetimes.nextDueMs].filter((end) => end !== undefined);
    return ends.length === 0 ? undefined : Math.min(...ends);
  }

  /**
   * Pins what a name matches. A longer pin stays as it is.
   * @param ttlMs undefined: until it is unpinned.
   * @throws {CacheError} STORAGE_FULL, STORAGE_IO, OBJECT_TOO_LARGE if there are too many
   */
  async pin(name: string, ttlMs: number | undefined, durability?: Durability): Promise<Pin> {
    const pin = { name, untilMs: ttlMs === undefined ? Number.POSITIVE_INFINITY : this.#nowMs() + ttlMs };
    const old = this.pins.get(name);
    if (old !== undefined && old.untilMs >= pin.untilMs) return old;
    if (old === undefined) this.#refuseTooMany();
    await this.#tell({ kind: "pin", ...pin }, durability);
    return pin;
  }

  /** @returns false if there was no pin of this name. */
  async unpin(name: string, durability?: Durability): Promise<boolean> {
    if (this.pins.get(name) === undefined) return false;
    await this.#tell({ kind: "unpin", name }, durability);
    return true;
  }

  /**
   * Sets the time to live of objects that are put under a name. @param ttlMs undefined: removes the
   * rule.
   */
  async setRule(name: string, ttlMs: number | undefined, durability?: Durability): Promise<void> {
    if (ttlMs === undefined && this.lifetimes.rule(name) === undefined) return;
    if (ttlMs !== undefined && this.lifetimes.rule(name) === undefined) this.#refuseTooMany();
    await this.#tell({ kind: "rule", name, ttlMs, setAtMs: this.#nowMs() }, durability);
  }

  /** Changes an object's lifetime. The caller holds its lock. */
  async setLifetime(object: Mortal, lifetime: Lifetime, durability?: Durability): Promise<void> {
    const name = formatObjectKey(object.key);
    const { baseVersion } = object;
    await this.#tell({ kind: "expiry", name, baseVersion, ...lifetime }, durability);
    this.lifetimes.record(name, { baseVersion, lifetime }, object);
  }

  /** The objects of a pattern were deleted: removes the settings under its name and below it. */
  async forget(pattern: KeyPattern, durability?: Durability): Promise<void> {
    if (this.pins.count === 0 && this.lifetimes.ruleCount === 0) return;
    for (const name of await this.#namesOf(pattern)) {
      await this.unpin(name, durability);
      await this.setRule(name, undefined, durability);
    }
  }

  /**
   * Removes the settings of objects that no longer exist.
   * @param find returns the object of a key, expired or not.
   */
  async dropStale(find: (key: ObjectKey) => Promise<Mortal | undefined>, signal: AbortSignal): Promise<void> {
    let looked = 0;
    for (const name of [...this.#objectNames()]) {
      if (signal.aborted) return;
      const object = await find(parseObjectKey(name));
      if (object === undefined) this.pins.delete(name);
      if (object?.baseVersion !== this.lifetimes.journaledOf(name)?.baseVersion)
        this.lifetimes.dropJournaled(name);
      looked += 1;
      if (looked % LOOKED_AT_PER_TURN === 0) await turnIfDue();
    }
  }

  *#objectNames(): Generator<string> {
    for (const { name } of this.pins.all()) if (retentionPattern(name).scope === "object") yield name;
    for (const [name] of this.lifetimes.journaled()) yield name;
  }

  async #namesOf(pattern: KeyPattern): Promise<Iterable<string>> {
    const top = retentionName(pattern);
    const names = new Set([top]);
    if (pattern.scope === "object") return names;
    let looked = 0;
    for (const all of [this.pins.all(), this.lifetimes.rules()]) {
      for (const { name } of all) {
        if (name.startsWith(`${top}/`)) names.add(name);
        looked += 1;
        if (looked % LOOKED_AT_PER_TURN === 0) await turnIfDue();
      }
    }
    return names;
  }

  #refuseTooMany(): void {
    if (this.pins.count + this.lifetimes.ruleCount < LIMITS.retentionRulesMax) return;
    throw new CacheError(
      "OBJECT_TOO_LARGE",
      `there are ${LIMITS.retentionRulesMax} pins and times to live already`,
    );
  }

  async #tell(record: RetentionRecord, durability: Durability = "restart"): Promise<void> {
    await this.#log.append(record, durability);
    this.#apply(record);
  }

  #apply(record: RetentionRecord): void {
    const { pins, lifetimes } = this;
    if (record.kind === "clock") {
      this.#journaledTimeMs = Math.max(this.#journaledTimeMs, record.timeMs);
      return;
    }
    const { name } = record;
    if (record.kind === "pin") pins.set({ name, untilMs: record.untilMs });
    else if (record.kind === "unpin") pins.delete(name);
    else if (record.kind === "expiry") {
      const { baseVersion, untilMs, ttlMs } = record;
      lifetimes.record(name, { baseVersion, lifetime: { untilMs, ttlMs } }, undefined);
    } else if (record.ttlMs === undefined) lifetimes.dropRule(name);
    else lifetimes.setRule(new LifetimeRule(name, record.ttlMs, record.setAtMs));
  }

  get #recordCount(): number {
    return 1 + this.pins.count + this.lifetimes.ruleCount + this.lifetimes.journaledCount;
  }

  *#records(): Generator<RetentionRecord> {
    yield { kind: "clock", timeMs: this.#journaledTimeMs };
    for (const pin of this.pins.all()) yield { kind: "pin", ...pin };
    for (const { name, ttlMs, setAtMs } of this.lifetimes.rules())
      yield { kind: "rule", name, ttlMs, setAtMs };
    for (const [name, { baseVersion, lifetime }] of this.lifetimes.journaled()) {
      yield { kind: "expiry", name, baseVersion, ...lifetime };
    }
  }
}

/** `app`, `app/session` or `app/session/object`. */
export function retentionName(pattern: KeyPattern): string {
  assert(pattern.scope !== "all", "something is named");
  if (pattern.scope === "object") return formatObjectKey(pattern.key);
  if (pattern.scope === "session") return `${pattern.applicationId}/${pattern.sessionId}`;
  return pattern.applicationId;
}

/** The pattern of a name that `retentionName` made. */
export function retentionPattern(name: string): KeyPattern {
  const [applicationId = "", sessionId, objectId] = name.split("/");
  if (sessionId === undefined) return { scope: "application", applicationId };
  if (objectId === undefined) return { scope: "session", applicationId, sessionId };
  return { scope: "object", key: { applicationId, sessionId, objectId } };
}
