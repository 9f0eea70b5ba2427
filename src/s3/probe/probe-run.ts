/**
 * The state that all checks of a store share: its bucket, the keys they write, and the findings.
 */
import { randomUUID } from "node:crypto";
import { CacheError } from "../../errors.ts";
import type { Bucket, Condition, WriteOutcome } from "../bucket.ts";

/** `atomic`: it also held in a race. `ignored`: the store acts as if the header were absent. */
export type Verdict = "atomic" | "works" | "not atomic" | "ignored" | "refused" | "unknown";

export interface ProbeFindings {
  createIfAbsent: Verdict;
  replaceIfMatch: Verdict;
  removeIfMatch: Verdict;
  notModified: Verdict;
  ranges: Verdict;
  checksums: Verdict;
}

/** A store that cannot be used, with the reason in words. */
export class StoreRefused extends Error {
  override readonly name = "StoreRefused";
}

/** Attempts of a write that the store did not apply. */
const ATTEMPTS_MAX = 5;
const OBJECT_BYTES_MAX = 1024;

export class ProbeRun {
  readonly bucket: Bucket;
  readonly found: ProbeFindings = {
    createIfAbsent: "unknown",
    replaceIfMatch: "unknown",
    removeIfMatch: "unknown",
    notModified: "unknown",
    ranges: "unknown",
    checksums: "unknown",
  };
  readonly #prefix: string;
  readonly #keys: string[] = [];

  constructor(bucket: Bucket, prefix: string) {
    this.bucket = bucket;
    this.#prefix = `${prefix}probe-${randomUUID()}/`;
  }

  get prefix(): string {
    return this.#prefix;
  }

  /** A key that only this run uses. */
  newKey(): string {
    const key = `${this.#prefix}${this.#keys.length}`;
    this.#keys.push(key);
    return key;
  }

  /** A write that has to succeed. @returns the entity tag */
  async write(key: string, text: string, condition?: Condition): Promise<string> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const outcome = await this.bucket.write(key, [Buffer.from(text)], condition);
      if (outcome.kind === "done") return outcome.etag;
      if (outcome.kind === "conflict") return this.#tagOf(key, text);
    }
    throw new CacheError("STORAGE_UNAVAILABLE", "the object store did not confirm a write of the checks");
  }

  /** After a conflict: the write of an earlier, doubtful attempt may have been applied. */
  async #tagOf(key: string, text: string): Promise<string> {
    const outcome = await this.bucket.read(key, { bytesMax: OBJECT_BYTES_MAX });
    if (outcome.kind === "found" && outcome.body.toString("utf8") === text) return outcome.etag;
    throw new StoreRefused("it reports a conflict for a condition that holds");
  }

  /** A write that has to conflict. */
  async conflictOf(write: () => Promise<WriteOutcome>): Promise<Verdict> {
    for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
      const outcome = await write();
      if (outcome.kind === "conflict") return "works";
      if (outcome.kind === "done") return "ignored";
    }
    return "unknown";
  }

  async textOf(key: string): Promise<string | undefined> {
    const outcome = await this.bucket.read(key, { bytesMax: OBJECT_BYTES_MAX });
    return outcome.kind === "found" ? outcome.body.toString("utf8") : undefined;
  }

  /** Removes the objects of the checks. */
  async clean(): Promise<void> {
    await this.bucket.removeMany(this.#keys);
  }
}
