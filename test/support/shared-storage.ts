/**
 * An engine in memory whose objects several caches share, as replicas share a store: a publish
 * compares the object's version, and facts are answered without a file.
 *
 * It shows what the cache has to expect of such an engine; objects end with it.
 */
import type { BaseFacts, ObjectFacts, PartFacts } from "../../src/object/index-facts.ts";
import { formatObjectKey, type ObjectKey } from "../../src/object/object-key.ts";
import type { StagedMemoryFile } from "../../src/storage/memory/staged-memory-file.ts";
import { MemoryStorage } from "../../src/storage/memory-storage.ts";
import type {
  Durability,
  ObjectChange,
  OpenPurpose,
  PublishOutcome,
  StoredFile,
  StoredName,
} from "../../src/storage/object-storage.ts";

export class SharedStorage extends MemoryStorage {
  readonly #objects = new Map<string, ObjectFacts>();
  opens = 0;

  override async facts(key: ObjectKey): Promise<ObjectFacts | undefined> {
    return this.#objects.get(formatObjectKey(key));
  }

  override open(name: StoredName, purpose?: OpenPurpose): Promise<StoredFile | undefined> {
    this.opens += 1;
    return super.open(name, purpose);
  }

  override stage(): StagedMemoryFile {
    const staged = super.stage();
    const publish = staged.publish.bind(staged);
    staged.publish = async (
      name,
      _durability?: Durability,
      change?: ObjectChange,
    ): Promise<PublishOutcome> => {
      if (change !== undefined && change.ifVersion !== this.#versionOf(name.key)) {
        await staged.discard();
        return "conflict";
      }
      this.#record(name, change?.facts);
      return await publish(name);
    };
    return staged;
  }

  override remove(name: StoredName): Promise<boolean> {
    const key = formatObjectKey(name.key);
    if (this.#objects.get(key)?.base.form === name.part.kind) this.#objects.delete(key);
    return super.remove(name);
  }

  #versionOf(key: ObjectKey): number {
    const object = this.#objects.get(formatObjectKey(key));
    return object?.patches.at(-1)?.version ?? object?.base.version ?? 0;
  }

  /** Of an object without facts nothing is known. */
  #record({ key, part }: StoredName, facts: BaseFacts | PartFacts | undefined): void {
    const name = formatObjectKey(key);
    const object = this.#objects.get(name);
    if (facts === undefined) this.#objects.delete(name);
    else if (part.kind !== "patch") this.#objects.set(name, { base: facts as BaseFacts, patches: [] });
    else if (object !== undefined) {
      this.#objects.set(name, { base: object.base, patches: [...object.patches, facts] });
    }
  }
}
