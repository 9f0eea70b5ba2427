/**
 * What an engine says of itself is what it does.
 */
import { describe, expect, it } from "vitest";
import { named, patternBytes, publish } from "../../unit/storage/scratch-directory.ts";
import { ENGINES } from "./engines.ts";

const NAME = named("a/s/o");

describe.each(ENGINES)("$engine", ({ started }) => {
  it("locates a published file exactly if it says so", async () => {
    const storage = await started();
    await publish(storage, NAME, patternBytes(1000));
    const location = await storage.locate(NAME);
    expect(location !== undefined).toBe(storage.capabilities.locatesFiles);
    expect(await storage.locate(named("a/s/other"))).toBeUndefined();
  });

  it("has a journal exactly if objects outlive the process", async () => {
    const storage = await started();
    expect(storage.journal !== undefined).toBe(storage.capabilities.isDurable);
  });

  it("takes files without a checksum exactly if bytes never leave the process", async () => {
    const storage = await started();
    expect(storage.stage().skipsChecksum === true).toBe(!storage.capabilities.hasChecksums);
  });

  it("syncs and lists what does not exist without an error", async () => {
    const storage = await started();
    await storage.syncRemovals([{ applicationId: "a" }, NAME.key]);
    expect(await storage.listDeltas(NAME.key)).toEqual([]);
    await storage.removeDeltas(NAME.key);
    await publish(storage, NAME, patternBytes(1000));
    await storage.syncFiles([NAME]);
  });
});
