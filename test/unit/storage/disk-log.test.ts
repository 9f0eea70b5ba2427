/**
 * What a failing disk leaves in the log.
 */
import { expect, it } from "vitest";
import { diskFailure } from "../../../src/storage/disk/disk-failure.ts";
import type { DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import { named, publish, startedDisk, watchedLog } from "./scratch-directory.ts";

/** A failure of a system call. */
function failure(code: string): Error {
  return Object.assign(new Error(`${code}: simulated`), { code, syscall: "test" });
}

it("an operation that the disk refuses is one line at the default level, with path and errno", async () => {
  let failing: DiskStep | undefined;
  const beforeStep = (step: DiskStep): void => {
    if (step === failing) throw failure("EIO");
  };
  const storage = await startedDisk({ beforeStep });
  await publish(storage, named("a/s/o"), Buffer.from("x"));
  const log = watchedLog();
  failing = "renameIntoPlace";
  await expect(publish(storage, named("a/s/p"), Buffer.from("x"))).rejects.toMatchObject({
    code: "STORAGE_IO",
  });
  failing = "unlinkObject";
  await expect(storage.remove(named("a/s/o"))).rejects.toMatchObject({ code: "STORAGE_IO" });
  failing = "syncFloor";
  await expect(storage.raiseVersionFloor(3)).rejects.toMatchObject({ code: "STORAGE_IO" });
  failing = undefined;
  const line = { level: "error", text: "a disk operation failed", errno: "EIO" };
  expect(log()).toMatchObject([
    { ...line, path: "a/s/p.arrow" },
    { ...line, path: "a/s/o.arrow" },
    { ...line, path: ".version-floor" },
  ]);
});

it("a full disk is one line, however many puts it fails", () => {
  const log = watchedLog();
  for (let put = 0; put < 1000; put += 1) diskFailure(failure("ENOSPC"), `a/s/${put}.arrow`);
  const line = { level: "warn", text: "no space left on the disk", errno: "ENOSPC", path: "a/s/0.arrow" };
  expect(log()).toMatchObject([line]);
});
