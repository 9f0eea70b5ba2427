/**
 * A storage directory as the target of a copy. No server may use it meanwhile.
 *
 * An object appears with all its patches at once: they are published before the base to which they
 * belong by its version. A killed copy leaves patches without a base, which the next one replaces.
 * If the base is there already, the missing patches follow it in order.
 */
import type { Lifetime } from "../../object/object-metadata.ts";
import type { Durability, ObjectPart, ObjectStorage } from "../../storage/object-storage.ts";
import { Retention } from "../retention/retention.ts";
import { openClock, type SteadyClock } from "../retention/steady-clock.ts";
import type { CopyTarget, NameSettings, PutOutcome, SourceObject } from "./copy-ends.ts";
import { copyFile } from "./copy-file.ts";
import { type DirectoryObject, readDirectoryObject } from "./directory-objects.ts";

const UNLIMITED: Lifetime = { untilMs: Number.POSITIVE_INFINITY, ttlMs: 0 };

export class DirectoryTarget implements CopyTarget {
  readonly #storage: ObjectStorage;
  readonly #durability: Durability;
  readonly #clock: SteadyClock = openClock(undefined);
  readonly #retention: Retention;

  constructor(storage: ObjectStorage, durability: Durability) {
    this.#storage = storage;
    this.#durability = durability;
    this.#retention = new Retention(storage.journal, this.#clock);
  }

  async start(): Promise<void> {
    await this.#storage.start();
    await this.#retention.load();
  }

  async stop(): Promise<void> {
    await this.#storage.stop();
  }

  async raiseVersionFloor(version: number): Promise<void> {
    await this.#storage.raiseVersionFloor(version);
  }

  async put(object: SourceObject, signal: AbortSignal): Promise<PutOutcome> {
    const present = await readDirectoryObject(this.#storage, object.key);
    if (present !== undefined && present.version >= object.version)
      return present.version === object.version ? "same" : "newer";
    const hasBase = present?.baseVersion === object.baseVersion;
    const last = hasBase ? present.version : object.baseVersion;
    for (let version = last + 1; version <= object.version; version += 1) {
      const { baseVersion } = object;
      await this.#copy(object, { kind: "patch", baseVersion, version }, { version, signal });
    }
    if (hasBase) {
      await this.#setLifetime(object, present.stored);
      return "copied";
    }
    const part: ObjectPart = { kind: object.form };
    await this.#copy(object, part, { version: object.baseVersion, signal });
    if (present !== undefined) await this.#removeOlder(object, present);
    return "copied";
  }

  readonly takeSettings = async ({ pins, rules }: NameSettings): Promise<void> => {
    for (const { name, untilMs } of pins) {
      const ttlMs = Number.isFinite(untilMs) ? Math.max(1, untilMs - this.#clock.nowMs()) : undefined;
      await this.#retention.pin(name, ttlMs, this.#durability);
    }
    for (const { name, ttlMs } of rules) await this.#retention.setRule(name, ttlMs, this.#durability);
  };

  async #copy(
    object: SourceObject,
    part: ObjectPart,
    { version, signal }: { readonly version: number; readonly signal: AbortSignal },
  ): Promise<void> {
    const staged = this.#storage.stage();
    try {
      const stored = await copyFile(object, version, { sink: staged, signal });
      // Before the base appears. Otherwise a killed copy would leave an object that never expires.
      if (version === object.baseVersion) await this.#setLifetime(object, stored.lifetime);
      await staged.publish({ key: object.key, part }, this.#durability);
    } finally {
      await staged.discard();
    }
  }

  /** The file says the lifetime of its put; the journal a later one. */
  async #setLifetime({ key, baseVersion, lifetime }: SourceObject, put: Lifetime | undefined): Promise<void> {
    const isSame = lifetime?.untilMs === put?.untilMs && lifetime?.ttlMs === put?.ttlMs;
    if (isSame) return;
    await this.#retention.setLifetime({ key, baseVersion }, lifetime ?? UNLIMITED, this.#durability);
  }

  /** Patches may be durable: they go after the base to which they belong. */
  async #removeOlder({ key, form, baseVersion }: SourceObject, present: DirectoryObject): Promise<void> {
    if (present.form !== form)
      await this.#storage.remove({ key, part: { kind: present.form } }, present.version);
    if (present.version > present.baseVersion || present.form !== form)
      await this.#storage.syncRemovals([key]);
    await this.#storage.removePatches(key, { allBut: baseVersion });
  }
}
