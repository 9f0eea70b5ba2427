/**
 * An engine that is started again after a stop, in the same process.
 */
import { expect, it, onTestFinished } from "vitest";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import type { StoredName } from "../../../src/storage/object-storage.ts";
import { recordsIn } from "../../support/log-records.ts";
import { ownDirectory } from "../cache/cache-fixture.ts";

const NAME: StoredName = {
  key: { applicationId: "app", sessionId: "session", objectId: "object" },
  part: { kind: "file" },
};

async function put(storage: DiskStorage, content: string): Promise<void> {
  const staged = storage.stage();
  await staged.append([Buffer.from(content)]);
  await staged.publish(NAME);
}

async function read(storage: DiskStorage): Promise<string | undefined> {
  const file = await storage.open(NAME);
  const content = file && String(await file.read(0, file.sizeBytes));
  file?.close();
  return content;
}

it("logs puts, removals and the version floor as before", async () => {
  const directory = ownDirectory();
  const storage = new DiskStorage({ directory, log: { restDelayMs: 3_600_000 } });
  await storage.start();
  await put(storage, "first");
  await storage.raiseVersionFloor(7);
  await storage.stop();
  await storage.start();
  onTestFinished(() => storage.stop());
  expect(await read(storage)).toBe("first");
  expect(storage.versionFloor).toBe(7);
  await put(storage, "second");
  expect(recordsIn(directory).map(({ kind }) => kind)).toContain("put");
  expect(await read(storage)).toBe("second");
  await storage.raiseVersionFloor(8);
  expect(await storage.remove(NAME)).toBe(true);
  expect(await read(storage)).toBeUndefined();
});
