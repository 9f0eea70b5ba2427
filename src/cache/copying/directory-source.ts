/**
 * A storage directory as the source of a copy. No server may use it meanwhile.
 *
 * Objects come from the scan of the engine: most with their facts, so that only the copy opens
 * their file. Times to live, pins and rules come from the retention journal.
 */
import { formatObjectKey, type ObjectKey } from "../../object/object-key.ts";
import type { Lifetime } from "../../object/object-metadata.ts";
import { isBase } from "../../storage/object-part.ts";
import type { ObjectStorage, ScannedObjects } from "../../storage/object-storage.ts";
import { factsAt } from "../../storage/scanned-facts.ts";
import type { Mortal } from "../retention/lifetimes.ts";
import { Retention } from "../retention/retention.ts";
import { openClock, type SteadyClock } from "../retention/steady-clock.ts";
import type { CopySource, Found, Listed, NameSettings } from "./copy-ends.ts";
import { type DirectoryObject, openDirectoryFile, readDirectoryObject } from "./directory-objects.ts";

export class DirectorySource implements CopySource {
  readonly #storage: ObjectStorage;
  readonly #clock: SteadyClock = openClock(undefined);
  readonly #retention: Retention;

  constructor(storage: ObjectStorage) {
    this.#storage = storage;
    this.#retention = new Retention(storage.journal, this.#clock);
  }

  async start(): Promise<void> {
    await this.#storage.start();
    await this.#retention.load();
  }

  async stop(): Promise<void> {
    await this.#storage.stop();
  }

  async versionFloor(): Promise<number> {
    return this.#storage.versionFloor;
  }

  get settings(): NameSettings {
    const { pins, lifetimes } = this.#retention;
    const nowMs = this.#clock.nowMs();
    return {
      pins: [...pins.all()].filter(({ untilMs }) => untilMs > nowMs),
      rules: [...lifetimes.rules()].map(({ name, ttlMs }) => ({ name, ttlMs })),
    };
  }

  async *list(): AsyncGenerator<Listed, void, void> {
    for await (const batch of this.#storage.scan()) {
      yield* this.#withFacts(batch);
      const ids = new Set(
        batch.names.filter(({ part }) => isBase(part)).map(({ key: { objectId } }) => objectId),
      );
      for (const objectId of ids) yield this.#listed(keyIn(batch, objectId));
    }
  }

  *#withFacts(batch: ScannedObjects): Generator<Listed> {
    for (const [place, objectId] of batch.facts.objectIds.entries()) {
      const { version, form, lifetime: stored } = factsAt(batch.facts, place);
      yield this.#listed(keyIn(batch, objectId), { version, baseVersion: version, form, stored });
    }
  }

  #listed(key: ObjectKey, known?: DirectoryObject): Listed {
    const find = async (): Promise<Found> => {
      const object = known ?? (await readDirectoryObject(this.#storage, key));
      return object === undefined ? { kind: "absent", version: 0 } : this.#found(key, object);
    };
    return { name: formatObjectKey(key), find };
  }

  #found(key: ObjectKey, { version, baseVersion, form, stored }: DirectoryObject): Found {
    const lifetime = this.#lifetimeOf({ key, baseVersion }, stored);
    if (lifetime !== undefined && lifetime.untilMs <= this.#clock.nowMs()) return { kind: "absent", version };
    const open = (wanted: number) => openDirectoryFile(this.#storage, { key, form, baseVersion }, wanted);
    return { kind: "object", object: { key, version, baseVersion, form, lifetime, open } };
  }

  #lifetimeOf(object: Mortal, stored: Lifetime | undefined): Lifetime | undefined {
    const { lifetimes } = this.#retention;
    const journaled = lifetimes.journaledOf(formatObjectKey(object.key));
    if (journaled?.baseVersion === object.baseVersion) return journaled.lifetime;
    return stored ?? lifetimes.forCopy(object);
  }
}

function keyIn({ applicationId, sessionId }: ScannedObjects, objectId: string): ObjectKey {
  return { applicationId, sessionId, objectId };
}
