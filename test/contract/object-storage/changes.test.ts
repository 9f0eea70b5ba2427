/**
 * What a publish promises of the object's version: it changes the object that its caller has seen,
 * or nothing. And what an engine that keeps facts answers of an object.
 */
import { describe, expect, it } from "vitest";
import type { BaseFacts } from "../../../src/object/index-facts.ts";
import type { ObjectStorage, PublishOutcome, StoredName } from "../../../src/storage/object-storage.ts";
import { named, patchOf, readWhole } from "../../unit/storage/scratch-directory.ts";
import { allOf, ENGINES, SHARED_ENGINES } from "./engines.ts";

const NAME = named("a/s/o");

function factsOf(text: string, version: number): BaseFacts {
  const sizes = { rowCount: 1, dataBytes: text.length, fileSizeBytes: text.length };
  return { kind: "opaque", form: "file", version, ...sizes };
}

interface Change {
  readonly text: string;
  readonly version: number;
  readonly ifVersion: number;
}

async function publish(
  storage: ObjectStorage,
  name: StoredName,
  { text, version, ifVersion }: Change,
): Promise<PublishOutcome> {
  const staged = storage.stage();
  await staged.append([Buffer.from(text)]);
  return await staged.publish(name, "restart", { facts: factsOf(text, version), ifVersion });
}

async function textOf(storage: ObjectStorage, name: StoredName): Promise<string> {
  return String(await readWhole(storage, name));
}

describe.each(ENGINES)("$engine", ({ started }) => {
  it("publishes what is based on the object's version: none, a base, a patch", async () => {
    const storage = await started();
    const outcomes = [
      await publish(storage, NAME, { text: "base", version: 1, ifVersion: 0 }),
      await publish(storage, patchOf("a/s/o", 1, 2), { text: "patch", version: 2, ifVersion: 1 }),
      await publish(storage, NAME, { text: "next", version: 3, ifVersion: 2 }),
    ];
    expect(outcomes).toEqual(["published", "published", "published"]);
    expect(await textOf(storage, NAME)).toBe("next");
  });

  it("publishes without a condition whatever there is", async () => {
    const storage = await started();
    for (const text of ["one", "two"]) {
      const staged = storage.stage();
      await staged.append([Buffer.from(text)]);
      expect(await staged.publish(NAME)).toBe("published");
    }
    expect(await textOf(storage, NAME)).toBe("two");
  });
});

describe.each(SHARED_ENGINES)("$engine", ({ started }) => {
  it.each([
    ["no object", 0],
    ["an older version", 1],
    ["a version that never was", 7],
  ])("answers a conflict to what is based on %s, and changes nothing", async (_, ifVersion) => {
    const storage = await started();
    await publish(storage, NAME, { text: "base", version: 1, ifVersion: 0 });
    await publish(storage, NAME, { text: "next", version: 2, ifVersion: 1 });
    expect(await publish(storage, NAME, { text: "late", version: 8, ifVersion })).toBe("conflict");
    expect(await textOf(storage, NAME)).toBe("next");
    expect((await storage.facts(NAME.key))?.base).toEqual(factsOf("next", 2));
  });

  it("compares the object's version and not that of the file", async () => {
    const storage = await started();
    await publish(storage, NAME, { text: "base", version: 1, ifVersion: 0 });
    await publish(storage, patchOf("a/s/o", 1, 2), { text: "patch", version: 2, ifVersion: 1 });
    const other = { text: "other form", version: 2, ifVersion: 0 };
    expect(await publish(storage, named("a/s/o", { kind: "stream" }), other)).toBe("conflict");
    expect(await publish(storage, NAME, { text: "late", version: 2, ifVersion: 1 })).toBe("conflict");
    const patch = { text: "late", version: 3, ifVersion: 1 };
    expect(await publish(storage, patchOf("a/s/o", 1, 3), patch)).toBe("conflict");
    expect(await storage.listPatches(NAME.key, 1)).toEqual([2]);
  });

  it("publishes one of many that are based on the same version", async () => {
    const storage = await started();
    const texts = Array.from({ length: 16 }, (_, i) => `writer ${i}`);
    const outcomes = await Promise.all(
      texts.map((text) => publish(storage, NAME, { text, version: 1, ifVersion: 0 })),
    );
    expect(outcomes.filter((each) => each === "published")).toHaveLength(1);
    expect(await textOf(storage, NAME)).toBe(texts[outcomes.indexOf("published")]);
    expect(await allOf(storage.scan())).toHaveLength(1);
  });

  it("answers the facts of base and patches, until the object is removed", async () => {
    const storage = await started();
    await publish(storage, NAME, { text: "base", version: 1, ifVersion: 0 });
    await publish(storage, patchOf("a/s/o", 1, 2), { text: "patch", version: 2, ifVersion: 1 });
    const { base, patches } = (await storage.facts(NAME.key))!;
    expect([base, patches]).toEqual([factsOf("base", 1), [factsOf("patch", 2)]]);
    await storage.remove(NAME);
    expect(await storage.facts(NAME.key)).toBeUndefined();
  });
});
