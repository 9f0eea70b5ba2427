import { describe, expect, it } from "vitest";
import { parseObjectKey } from "../../src/object/object-key.ts";
import { type HttpCache, httpCache, ownDirectory } from "../support/http-cache.ts";
import { OBJECT, problemOf, put, send } from "../support/http-requests.ts";
import { numbersTable, STREAM_TYPE, streamOf } from "../support/http-tables.ts";

const STORAGES = [["files"], ["bucket"]] as const;
const open = (kind: string): Promise<HttpCache> => httpCache(kind === "files" ? {} : { storage: kind });

describe.each(STORAGES)("a write with a condition, in %s", (kind) => {
  it("creates only with if-none-match *, and replaces only the version of if-match", async () => {
    const cache = await open(kind);
    const write = (method: string, headers: Record<string, string>) =>
      send(cache, method, OBJECT, method === "DELETE" ? undefined : "x", { headers });
    expect((await write("PUT", { "if-match": "*" })).status).toBe(412);
    expect((await write("PUT", { "if-none-match": "*" })).status).toBe(201);
    expect(await problemOf(await write("PUT", { "if-none-match": "*" }))).toEqual([
      412,
      "PRECONDITION_FAILED",
    ]);
    expect((await write("PUT", { "if-match": '"1"' })).status).toBe(200);
    expect((await write("PUT", { "if-match": '"1"' })).status).toBe(412);
    expect((await write("PATCH", { "if-match": '"1"' })).status).toBe(412);
    expect((await write("PATCH", { "if-match": '"2", "9"' })).status).toBe(200);
    expect((await write("DELETE", { "if-match": '"2"' })).status).toBe(412);
    expect((await write("DELETE", { "if-match": "3" })).status).toBe(204);
  });

  it("succeeds for one of many clients that write at once", async () => {
    const cache = await open(kind);
    const all = Array.from({ length: 12 }, () =>
      send(cache, "PUT", OBJECT, "x", { headers: { "if-none-match": "*" } }),
    );
    const statuses = (await Promise.all(all)).map(({ status }) => status).sort();
    expect(statuses).toEqual([201, ...Array(11).fill(412)]);
  });
});

describe("the version in an entity tag", () => {
  it("of files holds over a restart, and of memory does not", async () => {
    const storage = ownDirectory();
    const etagOf = async (kind: string): Promise<string | null> => {
      const cache = await httpCache({ storage: kind });
      const key = parseObjectKey("a/s/o");
      const isThere = (await cache.cache.find(key)) !== undefined;
      const answer = isThere ? await fetch(cache.url + OBJECT) : await put(cache, OBJECT, "x");
      await answer.arrayBuffer();
      await cache.stop();
      return answer.headers.get("etag");
    };
    expect(await etagOf(storage)).toBe(await etagOf(storage));
    expect(await etagOf("memory")).not.toBe(await etagOf("memory"));
  });
});

describe("a time to live", () => {
  it("is set by the parameter or the header, and ends the object", async () => {
    let nowMs = Date.UTC(2030, 0, 1);
    const cache = await httpCache({ nowMs: () => nowMs });
    await send(cache, "PUT", `${OBJECT}?ttl=60`, "x");
    await send(cache, "PUT", "/v1/objects/a/s/p", "x", { headers: { "flame-ttl-seconds": "90.5" } });
    await put(cache, "/v1/objects/a/s/q", "x");
    const expires = async (id: string) =>
      (await send(cache, "HEAD", `/v1/objects/a/s/${id}`)).headers.get("expires");
    expect(await expires("o")).toBe("Tue, 01 Jan 2030 00:01:00 GMT");
    expect(await expires("p")).toBe("Tue, 01 Jan 2030 00:01:30 GMT");
    expect(await expires("q")).toBeNull();
    nowMs += 61_000;
    expect((await fetch(cache.url + OBJECT)).status).toBe(404);
    const list = (await (await fetch(`${cache.url}/v1/objects`)).json()) as {
      objects: { expires_at: string }[];
    };
    expect(list.objects.map(({ expires_at }) => expires_at)).toEqual(["2030-01-01T00:01:30.500Z", null]);
  });
});

describe.each(STORAGES)("the list, in %s", (kind) => {
  it("comes in pages in the order of the keys", async () => {
    const cache = await open(kind);
    const ids = Array.from({ length: 25 }, (_, index) => `o${String(index).padStart(2, "0")}`);
    for (const id of [...ids].reverse()) await put(cache, `/v1/objects/a/s/${id}`, "x");
    await put(cache, "/v1/objects/b/s/x", streamOf(numbersTable(3)), STREAM_TYPE);
    const keys: string[] = [];
    let after: string | null = "";
    let pages = 0;
    while (after !== null) {
      const query = new URLSearchParams({ limit: "10", after });
      const answer = await fetch(`${cache.url}/v1/objects?${query}`);
      const page = (await answer.json()) as { objects: { key: string }[]; next: string | null };
      keys.push(...page.objects.map(({ key }) => key));
      after = page.next;
      pages += 1;
    }
    expect(pages).toBe(3);
    expect(keys).toEqual([...ids.map((id) => `a/s/${id}`), "b/s/x"]);
    const exact = await fetch(`${cache.url}/v1/objects?prefix=a/&limit=25`);
    expect(((await exact.json()) as { next: unknown }).next).toBeNull();
  });

  it("has the facts of each object", async () => {
    const cache = await open(kind);
    await put(cache, OBJECT, streamOf(numbersTable(10)), STREAM_TYPE);
    await send(cache, "PATCH", OBJECT, streamOf(numbersTable(5)), { type: STREAM_TYPE });
    await cache.cache.retaining.pin({ scope: "application", applicationId: "a" });
    const answer = await fetch(`${cache.url}/v1/objects?prefix=a/s/o`);
    expect(await answer.json()).toEqual({
      objects: [
        {
          key: "a/s/o",
          version: 2,
          kind: "table",
          rows: 15,
          data_bytes: expect.any(Number),
          stored_bytes: expect.any(Number),
          patches: 1,
          expires_at: null,
          pinned: true,
        },
      ],
      next: null,
    });
  });
});
