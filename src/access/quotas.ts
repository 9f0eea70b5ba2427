/**
 * The quotas of all applications and identities, and drafts that are charged to them.
 *
 * The limits come from the access file and may change while puts run. A quota for the application
 * `*` applies to each application without one of its own.
 */
import { setTimeout } from "node:timers/promises";
import type { Draft } from "../cache/put-draft.ts";
import { NOTHING, type UsageTable } from "../cache/usage.ts";
import type { QuotaEntry } from "../config/quota-schema.ts";
import { LIMITS } from "../limits.ts";
import type { ByteSink } from "../object/byte-sink.ts";
import type { ObjectKey } from "../object/object-key.ts";
import { type PutStart, Quota } from "./quota.ts";

export interface QuotaTable {
  /** By application id, or `*`. */
  readonly applications: ReadonlyMap<string, QuotaEntry>;
  /** By name. */
  readonly identities: ReadonlyMap<string, QuotaEntry>;
}

const ANY_APPLICATION = "*";
const NO_QUOTAS: QuotaTable = { applications: new Map(), identities: new Map() };

export class Quotas {
  readonly #usage: UsageTable;
  readonly #nowMs: () => number;
  #table: QuotaTable = NO_QUOTAS;
  #refusalsWaiting = 0;
  /** By `application/NAME` or `identity/NAME`. */
  readonly #quotas = new Map<string, Quota>();

  constructor(usage: UsageTable, nowMs: () => number = () => performance.now()) {
    this.#usage = usage;
    this.#nowMs = nowMs;
  }

  /** False if there are no limits at all. */
  get isOn(): boolean {
    return this.#table.applications.size + this.#table.identities.size > 0;
  }

  /** Applications and identities whose puts are remembered. */
  get size(): number {
    return this.#quotas.size;
  }

  /** Replaces the limits. Usage and rates of the past still count. */
  setTable(table: QuotaTable): void {
    this.#table = table;
    for (const [name, quota] of this.#quotas) {
      const limits = this.#limitsOf(name);
      if (limits === undefined) this.#quotas.delete(name);
      else quota.setLimits(limits);
    }
  }

  /**
   * Begins a put of this key. @param by name of the caller; @param isPatch see PutStart
   * @throws {CacheError} QUOTA_EXCEEDED
   */
  begin(key: ObjectKey, by: string | undefined, isPatch: boolean): Charged {
    const objects = isPatch ? 0 : 1;
    const replacedOf = (holder?: string) => () => (isPatch ? NOTHING : this.#usage.ofObject(key, holder));
    const charged = new Charged();
    try {
      charged.begin(this.#quotaOf(`application/${key.applicationId}`), { objects, replaced: replacedOf() });
      if (by !== undefined)
        charged.begin(this.#quotaOf(`identity/${by}`), { objects, replaced: replacedOf(by) });
      return charged;
    } catch (error) {
      charged.end();
      throw error;
    }
  }

  /**
   * Waits before a refusal is answered, unless too many wait: a caller who repeats at once would take
   * the processor time of others.
   */
  async delayRefusal(): Promise<void> {
    if (this.#refusalsWaiting >= LIMITS.quotaRefusalsWaitingMax) return;
    this.#refusalsWaiting += 1;
    await setTimeout(LIMITS.quotaRefusalDelayMs);
    this.#refusalsWaiting -= 1;
  }

  #quotaOf(name: string): Quota | undefined {
    const known = this.#quotas.get(name);
    if (known !== undefined) return known;
    const limits = this.#limitsOf(name);
    if (limits === undefined) return undefined;
    if (this.#quotas.size >= LIMITS.quotasMax) this.#forgetSome();
    const [kind, id = ""] = name.split("/", 2);
    const usage = () => (kind === "application" ? this.#usage.ofApplication(id) : this.#usage.ofIdentity(id));
    const quota = new Quota({ subject: `${kind} ${JSON.stringify(id)}`, usage, nowMs: this.#nowMs });
    quota.setLimits(limits);
    this.#quotas.set(name, quota);
    return quota;
  }

  #limitsOf(name: string): QuotaEntry | undefined {
    const { applications, identities } = this.#table;
    const [kind, id = ""] = name.split("/", 2);
    if (kind === "identity") return identities.get(id);
    return applications.get(id) ?? applications.get(ANY_APPLICATION);
  }

  /**
   * Forgets what changes nothing. If too little is left, half of the others: callers choose the names
   * of applications, and with a slow rate none becomes idle.
   */
  #forgetSome(): void {
    for (const [name, quota] of this.#quotas) if (quota.isIdle) this.#quotas.delete(name);
    let excess = this.#quotas.size - LIMITS.quotasMax / 2;
    for (const [name, quota] of this.#quotas) {
      if (excess <= 0) return;
      if (quota.isInUse) continue;
      this.#quotas.delete(name);
      excess -= 1;
    }
  }
}

/** One running put, in the quotas that it counts towards. */
export class Charged {
  readonly #quotas: { readonly quota: Quota; readonly start: PutStart }[] = [];
  #chargedBytes = 0;

  /** @throws {CacheError} QUOTA_EXCEEDED */
  begin(quota: Quota | undefined, start: PutStart): void {
    if (quota === undefined) return;
    quota.begin(start);
    this.#quotas.push({ quota, start });
  }

  /** @throws {CacheError} QUOTA_EXCEEDED */
  expect(bytes: number): void {
    for (const { quota, start } of this.#quotas) quota.expect(start, bytes);
  }

  /** @throws {CacheError} QUOTA_EXCEEDED */
  charge(bytes: number): void {
    this.expect(bytes);
    this.#chargedBytes += bytes;
    for (const { quota } of this.#quotas) quota.charge(bytes);
  }

  /** May be called repeatedly. */
  end(): void {
    for (const { quota, start } of this.#quotas.splice(0)) quota.end(start, this.#chargedBytes);
  }

  /** The draft, charged; the same if no quota applies. */
  draft(draft: Draft): Draft {
    return this.#quotas.length === 0 ? draft : new ChargedDraft(draft, this);
  }
}

class ChargedDraft implements Draft {
  readonly key: ObjectKey;
  readonly sink: ByteSink;
  readonly #draft: Draft;
  readonly #charged: Charged;

  constructor(draft: Draft, charged: Charged) {
    this.key = draft.key;
    this.sink = new ChargedSink(draft.sink, charged);
    this.#draft = draft;
    this.#charged = charged;
  }

  get actor(): string | undefined {
    return this.#draft.actor;
  }

  set actor(actor: string | undefined) {
    this.#draft.actor = actor;
  }

  announce(bytes: number): void {
    this.#charged.expect(bytes);
    this.#draft.announce(bytes);
  }

  onAbandon(...abandon: Parameters<Draft["onAbandon"]>): void {
    this.#draft.onAbandon(...abandon);
  }

  async commit(...args: Parameters<Draft["commit"]>): Promise<number> {
    const version = await this.#draft.commit(...args);
    this.#charged.end();
    return version;
  }

  async discard(): Promise<void> {
    this.#charged.end();
    await this.#draft.discard();
  }
}

class ChargedSink implements ByteSink {
  readonly skipsChecksum: boolean;
  readonly #sink: ByteSink;
  readonly #charged: Charged;

  constructor(sink: ByteSink, charged: Charged) {
    this.#sink = sink;
    this.#charged = charged;
    this.skipsChecksum = sink.skipsChecksum ?? false;
  }

  get sizeBytes(): number {
    return this.#sink.sizeBytes;
  }

  append(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    this.#charged.charge(bytes);
    return this.#sink.append(chunks);
  }

  reserve(sizeBytes: number): Promise<void> | undefined {
    this.#charged.charge(sizeBytes);
    if (this.#sink.reserve !== undefined) return this.#sink.reserve(sizeBytes);
    return this.#sink.append([Buffer.alloc(sizeBytes)]);
  }

  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined {
    return this.#sink.overwrite(position, bytes);
  }
}
