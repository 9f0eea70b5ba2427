/**
 * What every engine promises to who looks for what it holds, and of its version floor.
 */
import { describe, expect, it } from "vitest";
import { named, patchOf, publish } from "../../unit/storage/scratch-directory.ts";
import { allOf, ENGINES } from "./engines.ts";

describe.each(ENGINES)("$engine", ({ started }) => {
  describe("finding", () => {
    it("gives every session with all it holds", async () => {
      const storage = await started();
      const names = [
        named("a/s/o"),
        named("a/s/p", { kind: "stream" }),
        patchOf("a/s/o", 1, 2),
        named("a/t/o"),
        named("b/s/o"),
      ];
      for (const name of names) await publish(storage, name, Buffer.alloc(1));
      const sessions = await allOf(storage.scan());
      expect(sessions.map((each) => `${each.applicationId}/${each.sessionId}`).sort()).toEqual([
        "a/s",
        "a/t",
        "b/s",
      ]);
      const found = sessions.flatMap((session) => session.names);
      expect(found).toHaveLength(names.length);
      expect(found).toEqual(expect.arrayContaining(names));
    });

    it("looks into one session, and lists one application's", async () => {
      const storage = await started();
      for (const key of ["a/s/o", "a/t/o", "b/u/o"]) await publish(storage, named(key), Buffer.alloc(1));
      expect(await storage.scanSession("a", "t")).toEqual({
        applicationId: "a",
        sessionId: "t",
        names: [named("a/t/o")],
      });
      expect(await storage.scanSession("a", "u")).toBeUndefined();
      expect(await storage.scanSession("c", "s")).toBeUndefined();
      expect((await storage.listSessions("a")).sort()).toEqual(["s", "t"]);
      expect(await storage.listSessions("c")).toEqual([]);
    });

    it("goes on while objects come and go", async () => {
      const storage = await started();
      const keys = Array.from({ length: 60 }, (_, i) => `a${i % 3}/s${i % 5}/o${i}`);
      for (const key of keys) await publish(storage, named(key), Buffer.alloc(1));
      let scanned = 0;
      for await (const session of storage.scan()) {
        scanned += 1;
        for (const name of session.names) await storage.remove(name);
        await publish(storage, named(`a0/s0/new${scanned}`), Buffer.alloc(1));
      }
      expect(scanned).toBeGreaterThan(0);
    });

    it("may be broken off", async () => {
      const storage = await started();
      for (const key of ["a/s/o", "a/t/o", "b/s/o"]) await publish(storage, named(key), Buffer.alloc(1));
      const sessions = storage.scan()[Symbol.asyncIterator]();
      expect((await sessions.next()).done).toBe(false);
      await sessions.return?.();
      expect((await sessions.next()).done).toBe(true);
    });
  });

  it("has a version floor that begins at 0 and never falls", async () => {
    const storage = await started();
    expect(storage.versionFloor).toBe(0);
    await storage.raiseVersionFloor(7);
    await storage.raiseVersionFloor(3);
    expect(storage.versionFloor).toBe(7);
    await Promise.all([9, 30, 12, 30, 8].map((version) => storage.raiseVersionFloor(version)));
    expect(storage.versionFloor).toBe(30);
  });
});
