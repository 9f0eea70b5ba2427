/**
 * The section about backups of docs/operations.md, run as it stands beside a server that a client
 * changes meanwhile: the restored server has what nobody changed, and nothing that is damaged.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FlameCache } from "../../src/client/index.ts";
import { PageSession } from "../support/page-session.ts";

const OBJECTS = 40;

const page = await PageSession.open("docs/operations.md", {
  sections: ["Backup and restore"],
  python: "python3",
});
const [backup, restore, restored] = page.blocks;
const endpoint = `grpc://127.0.0.1:${page.ports[0]}`;

afterAll(() => page.close());

/** Replaces, creates and deletes objects until the signal. @returns how many puts there were */
async function change(cache: FlameCache, signal: AbortSignal): Promise<number> {
  for (let puts = 0; ; puts += 1) {
    if (signal.aborted) return puts;
    await cache.put(`app/busy/${puts % OBJECTS}`, { puts });
    await cache.delete(`app/busy/${(puts * 7) % OBJECTS}`);
  }
}

describe("the section about backups", () => {
  beforeAll(async () => {
    await page.run({ language: "sh", text: "flame-object-cache serve --storage objects\n", shown: [] });
    const cache = await FlameCache.connect({ endpoint });
    for (let n = 0; n < OBJECTS; n += 1) await cache.put(`app/quiet/${n}`, { n });
    await cache.pin("app/quiet/0");
    await cache.expire("app/quiet/1", 3600);
    const stop = new AbortController();
    const changes = change(cache, stop.signal);
    await page.run(backup!);
    stop.abort();
    expect(await changes).toBeGreaterThan(0);
    await cache.close();
  });

  test("makes a copy in which verify finds nothing damaged", async () => {
    await expect(page.run(restore!)).resolves.toEqual([""]);
  });

  test("restores each object that nobody changed, and nothing that cannot be read", async () => {
    await page.run(restored!);
    const cache = await FlameCache.connect({ endpoint });
    for (let n = 0; n < OBJECTS; n += 1) expect(await cache.get(`app/quiet/${n}`)).toEqual({ n });
    expect((await cache.stat("app/quiet/1")).expiresAt).toBeInstanceOf(Date);
    const listed = await fetch(`http://127.0.0.1:${page.ports[1]}/v1/objects?prefix=app/quiet/0`);
    expect(await listed.json()).toMatchObject({ objects: [{ key: "app/quiet/0", pinned: true }] });
    for await (const { ref } of cache.list("app/busy")) {
      expect(await cache.get(ref)).toEqual({ puts: expect.any(Number) });
    }
    await cache.close();
  });

  test("has three blocks", () => {
    expect(page.blocks).toHaveLength(3);
  });
});
