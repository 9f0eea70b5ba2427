/** Syncs of directories: their order, and whose names are known to be durable. */
import { beforeEach, describe, expect, it } from "vitest";
import { DirectorySyncs } from "../../../src/storage/disk/directory-syncs.ts";
import { DiskPace } from "../../../src/storage/disk/disk-pace.ts";
import { DiskSteps } from "../../../src/storage/disk/disk-steps.ts";

/** Each sync waits until the test ends it. */
class HeldSteps extends DiskSteps {
  readonly begun: string[] = [];
  readonly #ends: ((error?: Error) => void)[] = [];

  override syncDirectory(path: string): Promise<void> {
    this.begun.push(path);
    return new Promise((resolve, reject) => {
      this.#ends.push((error) => (error === undefined ? resolve() : reject(error)));
    });
  }

  /** Ends the sync that began first, and waits until what follows it has begun. */
  async end(error?: Error): Promise<void> {
    this.#ends.shift()!(error);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const MISSING = Object.assign(new Error("gone"), { code: "ENOENT", errno: -2, syscall: "open" });

let steps: HeldSteps;
let syncs: DirectorySyncs;

beforeEach(() => {
  steps = new HeldSteps(new DiskPace());
  syncs = new DirectorySyncs("/store", steps);
});

describe("a sync of a directory", () => {
  it("syncs each parent after the directory in it was there", async () => {
    const done = syncs.sync("a/s");
    expect(steps.begun).toEqual(["/store/a/s"]);
    await steps.end();
    expect(steps.begun).toEqual(["/store/a/s", "/store/a"]);
    await steps.end();
    expect(steps.begun).toEqual(["/store/a/s", "/store/a", "/store"]);
    await steps.end();
    await expect(done).resolves.toBeUndefined();
  });

  it("syncs no parent again whose names are known to be durable", async () => {
    const first = syncs.sync("a/s");
    for (let nth = 0; nth < 3; nth += 1) await steps.end();
    await first;
    const second = syncs.sync("a/s");
    await steps.end();
    await second;
    expect(steps.begun).toEqual(["/store/a/s", "/store/a", "/store", "/store/a/s"]);
  });

  it("does not take a directory for durable that was made while an earlier sync of its name was under way", async () => {
    const earlier = syncs.sync("a/s");
    const later = syncs.sync("a/s");
    await steps.end(MISSING);
    // Made now: the sync of `a` has begun already, the second one of `a/s` has not ended.
    expect(steps.begun).toEqual(["/store/a/s", "/store/a", "/store/a/s"]);
    for (let nth = 0; nth < 5; nth += 1) await steps.end();
    await Promise.all([earlier, later]);
    expect(steps.begun.slice(3)).toEqual(["/store", "/store/a", "/store"]);
  });

  it("makes a removed directory durable through its parent, and trusts the next of its name anew", async () => {
    const first = syncs.sync("a/s");
    for (let nth = 0; nth < 3; nth += 1) await steps.end();
    await first;
    syncs.removed("a/s");
    const second = syncs.sync("a/s");
    await steps.end(MISSING);
    await steps.end();
    await second;
    expect(steps.begun.slice(3)).toEqual(["/store/a/s", "/store/a"]);
    const third = syncs.sync("a/s");
    await steps.end();
    await steps.end();
    await third;
    expect(steps.begun.slice(5)).toEqual(["/store/a/s", "/store/a"]);
  });
});
