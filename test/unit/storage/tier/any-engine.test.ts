/**
 * The tier over an engine that is not a disk, such as a remote store: files with revisions that are
 * read into the tier's memory, and changes that somebody else makes.
 */
import { beforeEach, describe, expect, it } from "vitest";
import { LruPolicy } from "../../../../src/eviction/lru-policy.ts";
import { MemoryTier } from "../../../../src/storage/tier/memory-tier.ts";
import { named } from "../scratch-directory.ts";
import { MIB, RemoteFile } from "./tier-fixture.ts";

const NAME = named("a/s/o");

/** A store with one file, which others may replace. */
class RemoteStore {
  readonly #tier = new MemoryTier({ policy: new LruPolicy(), bytesMax: MIB });
  text = "old";
  revision = "1";
  opens = 0;

  async open(): Promise<RemoteFile> {
    this.opens += 1;
    return new RemoteFile(Buffer.from(this.text), this.revision);
  }

  async get(): Promise<string> {
    const file = (await this.#tier.open(NAME, () => this.open()))!;
    const bytes = await file.read(0, file.sizeBytes);
    file.close();
    return bytes.toString();
  }

  replacedByOthers(): void {
    this.text = "new";
    this.revision = "2";
  }

  hearsOfChange(): void {
    this.#tier.changed(NAME);
  }

  async look(): Promise<void> {
    this.#tier.looked(NAME, await this.open());
  }
}

describe("a file of any engine", () => {
  let store: RemoteStore;

  beforeEach(async () => {
    store = new RemoteStore();
    expect(await store.get()).toBe("old");
  });

  it("is answered from memory, without the engine", async () => {
    expect([await store.get(), await store.get(), store.opens]).toEqual(["old", "old", 1]);
  });

  it("is opened again when the engine reports a change", async () => {
    store.replacedByOthers();
    store.hearsOfChange();
    expect([await store.get(), await store.get(), store.opens]).toEqual(["new", "new", 2]);
  });

  it("is opened again when the engine meets another revision of the same size", async () => {
    store.replacedByOthers();
    await store.look();
    expect([await store.get(), store.opens]).toEqual(["new", 3]);
  });

  it("stays in memory when the engine meets the same revision", async () => {
    await store.look();
    expect([await store.get(), store.opens]).toEqual(["old", 2]);
  });
});
