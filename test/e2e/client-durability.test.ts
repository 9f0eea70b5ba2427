/**
 * What the TypeScript client asks of an answer reaches the server, with every call that writes.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { startInProcess } from "../support/in-process-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const ASKED = { durability: "power-loss" } as const;

const WRITES: Readonly<Record<string, (cache: FlameCache, file: string) => Promise<unknown>>> = {
  put: (cache) => cache.put("a/s/o", 1, ASKED),
  update: (cache) => cache.update("a/s/o", 2, ASKED),
  patch: (cache) => cache.patch("a/s/o", 3, ASKED),
  uploadFile: (cache, file) => cache.uploadFile("a/s/file", file, ASKED),
  delete: (cache) => cache.delete("a/s/o", ASKED),
};

/** A cache with one object, in files or in memory, and a file to upload. */
async function connected(isKept: boolean): Promise<{ cache: FlameCache; file: string }> {
  const directory = temporaryDirectory("durable");
  onTestFinished(directory.remove);
  const server = await startInProcess(isKept ? join(directory.path, "stored") : undefined);
  onTestFinished(() => server.stop());
  const env = { FLAME_HOME: directory.path, HOME: directory.path };
  const cache = await FlameCache.connect({ endpoint: server.endpoint, env });
  onTestFinished(() => cache.close());
  const file = join(directory.path, "file");
  writeFileSync(file, "bytes");
  await cache.put("a/s/o", 0);
  return { cache, file };
}

describe.each(Object.entries(WRITES))("%s with durability power-loss", (_, write) => {
  it("is answered by a server that keeps files", async () => {
    const { cache, file } = await connected(true);
    await write(cache, file);
  });

  it("is refused by a server that keeps nothing", async () => {
    const { cache, file } = await connected(false);
    await expect(write(cache, file)).rejects.toMatchObject({ code: "NOT_IMPLEMENTED" });
  });
});

it("a get passes what is asked for over", async () => {
  const { cache } = await connected(false);
  expect(await cache.get("a/s/o", ASKED)).toBe(0);
});
