/**
 * Why an object is here or gone, as the action WHY answers it: over both storages, and after a restart.
 */

import fs from "node:fs";
import { beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { AccessPolicy } from "../../../src/access/access-policy.ts";
import { cacheFor } from "../../../src/access/guarded-cache.ts";
import { Quotas } from "../../../src/access/quotas.ts";
import { EventJournal } from "../../../src/cache/events/event-journal.ts";
import type { ObjectStory } from "../../../src/cache/events/object-story.ts";
import { StorageBudget } from "../../../src/cache/storage-budget.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import { decodeResult, encodeAction } from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { LIMITS } from "../../../src/limits.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { whyAnswer } from "../../../src/service/why-answer.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { DiskEventStore } from "../../../src/storage/disk/events/disk-event-store.ts";
import { MemoryEventStore } from "../../../src/storage/memory/memory-event-store.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import { sweepNow } from "../../support/cache-over.ts";
import { DirectService } from "../../support/direct-service.ts";
import { pathDescriptor, valuePut } from "../../support/flight-messages.ts";
import { ownDirectory, refused } from "../cache/cache-fixture.ts";
import { START_MS } from "./retention-bench.ts";

const CAPACITY = 100_000;
const MINUTE_MS = 60_000;
/** The peer of a direct call. */
const BY = "127.0.0.1";

/** A service with a journal and a clock. */
class JournalBench {
  nowMs = START_MS;
  service: DirectService;
  readonly directory: string | undefined;

  constructor(directory: string | undefined) {
    this.directory = directory;
    this.service = this.#open();
  }

  async restart(): Promise<void> {
    await this.service.stop();
    this.service = this.#open();
    await this.service.start();
  }

  async put(key: string, sizeBytes = 1000): Promise<void> {
    await this.service.call(FLIGHT_METHODS.DoPut.path, valuePut(pathDescriptor(key), "x".repeat(sizeBytes)));
  }

  async act(type: string, body: string): Promise<string> {
    const request = encodeAction({ type, body: Buffer.from(body) });
    const [answer] = await this.service.call(FLIGHT_METHODS.DoAction.path, [request]);
    return decodeResult(answer!).toString();
  }

  async why(key: string): Promise<ReturnType<typeof whyAnswer>> {
    const story = await this.service.cache.observing.why(parseObjectKey(key));
    return whyAnswer(story, this.nowMs);
  }

  /** The sentence now, which a restart of storage files must not change. */
  async answer(key: string): Promise<string> {
    const { answer } = await this.why(key);
    return answer;
  }

  #open(): DirectService {
    const nowMs = () => this.nowMs;
    const { directory } = this;
    const options = { bytesMax: LIMITS.eventJournalBytesMin, head: () => EventJournal.head(nowMs) };
    const store =
      directory === undefined ? new MemoryEventStore(options) : new DiskEventStore({ ...options, directory });
    const storage = directory === undefined ? new MemoryStorage() : new DiskStorage({ directory });
    const bytesBound = directory === undefined ? "memory" : "capacity";
    const bounds = { bytesMax: CAPACITY, bytesBound } as const;
    const budget = new StorageBudget({ policy: new LruPolicy(), evicts: true, ...bounds });
    return new DirectService(storage, { budget, nowMs, events: new EventJournal(store, nowMs) });
  }
}

async function journalBench(directory: string | undefined): Promise<JournalBench> {
  const bench = new JournalBench(directory);
  await bench.service.start();
  onTestFinished(() => bench.service.stop());
  return bench;
}

/** What happens to `app/s/x`, and the sentence three minutes later. */
const FATES: [string, (bench: JournalBench) => Promise<unknown>, string][] = [
  [
    "an object that was never there",
    async () => {},
    "was never here (the journal goes back to 2030-01-01T00:00:00.000Z)",
  ],
  [
    "a deleted object",
    async (bench) => {
      await bench.put("app/s/x");
      await bench.act("DELETE", "app/s");
    },
    `was deleted 3 minutes ago by ${BY} with DELETE app/s`,
  ],
  [
    "an expired object",
    async (bench) => {
      await bench.put("app/s/x");
      await bench.act("EXPIRE", JSON.stringify({ key: "app/s/x", ttl_seconds: 60 }));
      bench.nowMs += MINUTE_MS;
      await sweepNow(bench.service.cache);
    },
    "expired 3 minutes ago: its time to live was 1 minute",
  ],
  [
    "an object that expired by the rule of its session",
    async (bench) => {
      await bench.act("EXPIRE", JSON.stringify({ key: "app/s", ttl_seconds: 7200 }));
      await bench.put("app/s/x");
      bench.nowMs += 120 * MINUTE_MS;
      await sweepNow(bench.service.cache);
    },
    "expired 3 minutes ago: the time to live of app/s was 2 hours",
  ],
  [
    "an object that was evicted first of three for one put",
    async (bench) => {
      for (const name of ["x", "y", "z"]) await bench.put(`app/s/${name}`, 25_000);
      await bench.put("app/s/large", 95_000);
    },
    `was evicted 3 minutes ago: BOUND, 1st of 3 objects for the put of app/s/large by ${BY}`,
  ],
  [
    "an object that was put again after it was deleted, and deleted again",
    async (bench) => {
      for (const _ of [1, 2]) {
        await bench.put("app/s/x");
        await bench.act("DELETE", "app/s/x");
      }
    },
    `was deleted 3 minutes ago by ${BY} with DELETE app/s/x`,
  ],
];

const NO_DIRECTORY = (): string | undefined => undefined;

describe.each([
  ["none", NO_DIRECTORY, "memory"],
  ["files", ownDirectory, "capacity"],
] as const)("with storage %s, WHY", (_kind, directory, bound) => {
  let bench: JournalBench;

  beforeEach(async () => {
    bench = await journalBench(directory());
  });

  it.each(FATES)("explains %s", async (_what, happens, sentence) => {
    await happens(bench);
    bench.nowMs += 3 * MINUTE_MS;
    expect(await bench.answer("app/s/x")).toBe(`app/s/x ${sentence.replace("BOUND", bound)}`);
    expect((await bench.why("app/s/x")).present).toBe(false);
  });

  it("tells of a replaced object what replaced it, and its events from the newest on", async () => {
    await bench.put("app/s/older");
    await bench.put("app/s/x");
    await bench.put("app/s/x", 2000);
    bench.nowMs += 5000;
    const { answer, events, object } = await bench.why("app/s/x");
    expect(answer).toBe(`app/s/x is here: version 2, put 5 seconds ago by ${BY} in place of version 1`);
    expect(object).toMatchObject({ version: 2, data_bytes: 2000, pinned_by: [], readers: 0 });
    expect(events.map(({ event, version, by, cause, bytes }) => [event, version, by, cause, bytes])).toEqual([
      ["put", 2, BY, "replaced version 1", 2000],
      ["put", 1, BY, null, 1000],
    ]);
  });

  it("tells pins, the end of the time to live, and whether it is the next to be evicted", async () => {
    await bench.put("app/s/x");
    await bench.put("app/s/y");
    expect(await bench.answer("app/s/x")).toMatch(/among the next to be evicted$/);
    expect(await bench.answer("app/s/y")).not.toMatch(/evicted/);
    await bench.act("PIN", "app/*");
    await bench.act("EXPIRE", JSON.stringify({ key: "app/s/x", ttl_seconds: 7200 }));
    const { answer, events } = await bench.why("app/s/x");
    expect(answer).toMatch(/; it expires in 2 hours; it is pinned by app$/);
    expect(events.map(({ event, name }) => `${event} ${name}`)).toEqual([
      "ttl app/s/x",
      "pinned app",
      "put app/s/x",
    ]);
    await bench.act("UNPIN", "app/*");
    expect((await bench.why("app/s/x")).events[0]).toMatchObject({ event: "unpinned", name: "app", by: BY });
  });

  it("answers at most so many events, the newest", async () => {
    for (let index = 0; index < LIMITS.whyEventsMax + 20; index += 1) await bench.put("app/s/x", 10);
    const { events } = await bench.why("app/s/x");
    expect(events).toHaveLength(LIMITS.whyEventsMax);
    expect(events[0]!.version).toBe(LIMITS.whyEventsMax + 20);
  });

  it("is INVALID_KEY for what is not a key", async () => {
    await expect(bench.act("WHY", "app/s")).rejects.toEqual(refused("INVALID_KEY"));
  });
});

describe("with storage files, WHY after a restart", () => {
  let bench: JournalBench;

  beforeEach(async () => {
    bench = await journalBench(ownDirectory());
  });

  it.each(FATES)("explains %s as before", async (_what, happens) => {
    await happens(bench);
    bench.nowMs += 3 * MINUTE_MS;
    const before = await bench.why("app/s/x");
    await bench.restart();
    expect(await bench.why("app/s/x")).toEqual(before);
  });

  it("explains a quarantined object", async () => {
    await bench.put("app/s/x", 20_000);
    await bench.service.stop();
    const path = `${bench.directory}/app/s/x.arrow`;
    const bytes = fs.readFileSync(path);
    bytes[bytes.length - 5000]! ^= 1;
    fs.writeFileSync(path, bytes);
    await bench.restart();
    const answer = await bench.answer("app/s/x");
    expect(answer).toMatch(/^app\/s\/x is quarantined since less than a second: .*OBJECT_CORRUPT.*checksum/);
    await bench.restart();
    expect(await bench.answer("app/s/x")).toMatch(
      /^app\/s\/x was quarantined less than a second ago: .*checksum/,
    );
  });

  it("says that a file which another program removed is missing", async () => {
    await bench.put("app/s/x", LIMITS.logFileBytesMax);
    fs.rmSync(`${bench.directory}/app/s/x.arrow`);
    await expect(bench.service.cache.open(parseObjectKey("app/s/x"), () => true)).rejects.toEqual(
      refused("OBJECT_NOT_FOUND"),
    );
    expect(await bench.answer("app/s/x")).toMatch(/its file was missing when it was read/);
  });
});

describe("WHY of a caller with rules", () => {
  const identityWith = (patterns: readonly string[]) => ({
    name: "reader",
    policy: new AccessPolicy([{ effect: "allow", verbs: ["list"], patterns }], "reader"),
  });

  async function evictedFor(secret: string): Promise<JournalBench> {
    const bench = await journalBench(undefined);
    await bench.put("app/s/x", 60_000);
    await bench.put(secret, 60_000);
    return bench;
  }

  function why(bench: JournalBench, patterns: readonly string[]): Promise<ObjectStory> {
    const { cache } = bench.service;
    const guarded = cacheFor(cache, identityWith(patterns), new Quotas(cache.usage));
    return guarded.observing.why(parseObjectKey("app/s/x"));
  }

  it("is denied without list on the key, also if nothing was ever there", async () => {
    const bench = await journalBench(undefined);
    await expect(why(bench, ["app/t/*"])).rejects.toEqual(refused("PERMISSION_DENIED"));
    await bench.put("app/s/x");
    await expect(why(bench, ["app/t/*"])).rejects.toEqual(refused("PERMISSION_DENIED"));
  });

  it("names neither the put nor the caller that evicted the object if that key may not be listed", async () => {
    const bench = await evictedFor("secret/s/y");
    const answer = JSON.stringify(whyAnswer(await why(bench, ["app/*"]), bench.nowMs));
    expect(answer).toContain("memory, 1st of 1 object for the put of another object");
    expect(answer).not.toContain("secret");
  });

  it("names them if that key may be listed", async () => {
    const bench = await evictedFor("open/s/y");
    const story = await why(bench, ["app/*", "open/*"]);
    expect(whyAnswer(story, bench.nowMs).answer).toContain(`for the put of open/s/y by ${BY}`);
  });
});
