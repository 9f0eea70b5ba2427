/**
 * What a failing disk leaves in the log.
 */
import { expect, it } from "vitest";
import { diskFailure } from "../../../src/storage/disk/disk-failure.ts";
import { named, patternBytes, publish, watchedLog } from "./scratch-directory.ts";
import { failure, loggingDisk } from "./watched-disk.ts";

/** A file at once. */
const LARGE = patternBytes(100_000);

it("an operation that the disk refuses is one line at the default level, with path and errno", async () => {
  const { storage, failing, onStep } = await loggingDisk();
  await publish(storage, named("a/s/o"), LARGE);
  const log = watchedLog();
  failing.set("renameIntoPlace", "EIO");
  await expect(publish(storage, named("a/s/p"), LARGE)).rejects.toMatchObject({ code: "STORAGE_IO" });
  failing.set("unlinkObject", "EIO");
  await expect(storage.remove(named("a/s/o"))).rejects.toMatchObject({ code: "STORAGE_IO" });
  onStep.set("appendLog", () => {
    onStep.clear();
    throw failure("EIO");
  });
  await expect(storage.raiseVersionFloor(3)).rejects.toMatchObject({ code: "STORAGE_IO" });
  const line = { level: "error", text: "a disk operation failed", errno: "EIO" };
  expect(log().filter(({ text }) => text === line.text)).toMatchObject([
    { ...line, path: "a/s/p.arrow" },
    { ...line, path: "a/s/o.arrow" },
    { ...line, path: ".log" },
  ]);
});

it("a full disk is one line, however many puts it fails", () => {
  const log = watchedLog();
  for (let put = 0; put < 1000; put += 1) diskFailure(failure("ENOSPC"), `a/s/${put}.arrow`);
  const line = { level: "warn", text: "no space left on the disk", errno: "ENOSPC", path: "a/s/0.arrow" };
  expect(log()).toMatchObject([line]);
});
