/**
 * One run of random calls over the cache and the model side by side.
 *
 * Some calls are slow: a put stops before its last batch, a get after its first answer, and others happen meanwhile. A
 * slow put takes effect when it ends; a slow get gives what was there when it began.
 */

import { expect } from "vitest";
import { formatObjectKey, type KeyPattern, parseObjectKey } from "../../../src/object/object-key.ts";
import type { Engine } from "../../support/cache-over.ts";
import { Gate } from "../../support/direct-service.ts";
import { Random } from "../../support/random.ts";
import { CacheUnderTest } from "./cache-under-test.ts";
import { type Kind, PlainModel, TABLES } from "./plain-model.ts";

const APPLICATIONS = ["a", "b:1"];
const SESSIONS = ["s", "t"];
const OBJECTS = ["1", "2", "3:x"];
/** A value of this size is not read whole when it is found on disk. */
const LARGE_BYTES = 70_000;
const OVERLAPPING_MAX = 4;

export interface ModelRunOptions {
  readonly seed: number;
  readonly openStorage: () => Engine;
  readonly survivesRestart: boolean;
  /** A delete raises the versions of its key only. */
  readonly hasFloorPerKey?: boolean;
}

export class ModelRun {
  readonly #options: ModelRunOptions;
  readonly #random: Random;
  readonly #model: PlainModel;
  #cache: CacheUnderTest;
  /** Ends of slow calls. */
  #open: (() => Promise<void>)[] = [];
  #where = "";
  steps = 0;

  constructor(options: ModelRunOptions) {
    this.#options = options;
    this.#random = new Random(options.seed);
    this.#model = new PlainModel(options.hasFloorPerKey);
    this.#cache = new CacheUnderTest(options.openStorage());
  }

  start(): Promise<void> {
    return this.#cache.start();
  }

  async step(): Promise<void> {
    const [name, work] = this.#random.pick(STEPS);
    this.#where = `seed ${this.#options.seed}, step ${this.steps}, ${name}`;
    this.steps += 1;
    if (this.#open.length >= OVERLAPPING_MAX) await this.#endOne();
    await work(this);
  }

  async end(): Promise<void> {
    while (this.#open.length > 0) await this.#endOne();
    await this.restart();
    for (const key of this.#model.list({ scope: "all" })) await this.#compareGet(key, undefined);
    await this.#cache.stop();
  }

  #same(actual: unknown, expected: unknown): void {
    expect(actual, this.#where).toEqual(expected);
  }

  #key(): string {
    const { pick } = { pick: <T>(items: readonly T[]) => this.#random.pick(items) };
    return `${pick(APPLICATIONS)}/${pick(SESSIONS)}/${pick(OBJECTS)}`;
  }

  #kind(): Kind {
    return this.#random.below(4) === 0 ? "table" : "opaque";
  }

  #value(kind: Kind): string {
    if (kind === "table") return this.#random.pick(TABLES);
    const sizeBytes = this.#random.pick([0, 1, 10, 64, 500, 500, 500, LARGE_BYTES]);
    return `${this.steps} `.repeat(sizeBytes).slice(0, sizeBytes);
  }

  async put(): Promise<void> {
    const [key, kind] = [this.#key(), this.#kind()];
    const value = this.#value(kind);
    const ref = await this.#cache.put(key, kind, value, { chunkBytes: 1 + this.#random.below(2000) });
    this.#same(ref, expect.objectContaining({ key, version: this.#model.put(key, kind, value) }));
  }

  async create(): Promise<void> {
    const kind = this.#kind();
    const value = this.#value(kind);
    const prefix = this.#key().split("/").slice(0, 2).join("/");
    const ref = await this.#cache.put(prefix, kind, value);
    this.#same(ref, expect.objectContaining({ key: expect.stringContaining(`${prefix}/`), version: 1 }));
    this.#model.create((ref as { key: string }).key, kind, value);
  }

  async patch(): Promise<void> {
    const [key, kind] = [this.#key(), this.#kind()];
    const value = this.#value(kind);
    const ref = await this.#cache.patch(key, kind, value);
    const version = this.#model.patch(key, kind, value);
    this.#same(ref, typeof version === "string" ? version : expect.objectContaining({ key, version }));
  }

  async breakOff(): Promise<void> {
    const [key, kind] = [this.#key(), this.#kind()];
    const value = this.#value(kind);
    this.#same(await this.#cache.put(key, kind, value, { isBrokenOff: true }), "CANCELLED");
  }

  async get(): Promise<void> {
    await this.#compareGet(this.#someKey(), this.#held());
  }

  async #compareGet(key: string, held: number | undefined): Promise<void> {
    this.#same(await this.#cache.get(key, held), this.#model.get(key, held));
  }

  /** Often one that exists. */
  #someKey(): string {
    const known = this.#model.list({ scope: "all" });
    return known.length > 0 && this.#random.below(3) > 0 ? this.#random.pick(known) : this.#key();
  }

  #held(): number | undefined {
    return this.#random.pick([undefined, undefined, 0, 1, 2, 3, 5, 8, 13, 2 ** 53 - 1]);
  }

  async getCurrent(): Promise<void> {
    const key = this.#someKey();
    const version = await this.#cache.version(key);
    this.#same(version, this.#model.version(key));
    if (typeof version !== "number") return;
    for (const held of [version, version - 1]) await this.#compareGet(key, held);
  }

  async slowPut(): Promise<void> {
    const [key, kind] = [this.#key(), this.#kind()];
    const value = this.#value(kind);
    const gate = new Gate();
    const ref = this.#cache.put(key, kind, value, { beforeLast: gate });
    await gate.reached;
    this.#open.push(async () => {
      gate.open();
      this.#same(await ref, expect.objectContaining({ version: this.#model.put(key, kind, value) }));
    });
  }

  async slowPatch(): Promise<void> {
    const [key, kind] = [this.#key(), this.#kind()];
    const value = this.#value(kind);
    const gate = new Gate();
    const ref = this.#cache.patch(key, kind, value, { beforeLast: gate });
    const refusal = this.#model.refusalOfPatch(key, kind, value);
    if (refusal !== undefined) return this.#same(await ref, refusal);
    await gate.reached;
    this.#open.push(async () => {
      gate.open();
      const version = this.#model.patch(key, kind, value);
      this.#same(await ref, typeof version === "string" ? version : expect.objectContaining({ version }));
    });
  }

  async slowGet(): Promise<void> {
    const [key, held] = [this.#someKey(), this.#held()];
    const gate = new Gate();
    const answer = this.#cache.get(key, held, { reader: gate });
    const expected = this.#model.get(key, held);
    if (typeof expected === "string") return this.#same(await answer, expected);
    await gate.reached;
    this.#open.push(async () => {
      gate.open();
      this.#same(await answer, expected);
    });
  }

  async #endOne(): Promise<void> {
    const [end] = this.#open.splice(this.#random.below(this.#open.length), 1);
    await end?.();
  }

  async endSlow(): Promise<void> {
    if (this.#open.length > 0) await this.#endOne();
  }

  async delete(): Promise<void> {
    const key = this.#someKey();
    const [applicationId, sessionId] = key.split("/") as [string, string];
    const [body, pattern] = this.#random.pick<[string, KeyPattern]>([
      [key, { scope: "object", key: parseObjectKey(key) }],
      [key, { scope: "object", key: parseObjectKey(key) }],
      [`${applicationId}/${sessionId}`, { scope: "session", applicationId, sessionId }],
      [`${applicationId}/*`, { scope: "application", applicationId }],
    ]);
    await this.#cache.delete(body);
    this.#model.delete(pattern);
  }

  async list(): Promise<void> {
    const key = this.#someKey();
    const [applicationId, sessionId] = key.split("/") as [string, string];
    const [criteria, pattern] = this.#random.pick<[string, KeyPattern]>([
      ["", { scope: "all" }],
      [applicationId, { scope: "application", applicationId }],
      [`${applicationId}/${sessionId}`, { scope: "session", applicationId, sessionId }],
      [formatObjectKey(parseObjectKey(key)), { scope: "object", key: parseObjectKey(key) }],
    ]);
    this.#same(await this.#cache.list(criteria), this.#model.list(pattern));
  }

  async restart(): Promise<void> {
    while (this.#open.length > 0) await this.#endOne();
    await this.#cache.stop();
    this.#cache = new CacheUnderTest(this.#options.openStorage());
    await this.#cache.start();
    if (!this.#options.survivesRestart) this.#model.clear();
  }
}

type Step = readonly [string, (run: ModelRun) => Promise<void>];

/** What happens how often. */
const STEPS: readonly Step[] = (
  [
    [14, "put", (run) => run.put()],
    [4, "create", (run) => run.create()],
    [16, "patch", (run) => run.patch()],
    [3, "broken off", (run) => run.breakOff()],
    [20, "get", (run) => run.get()],
    [10, "get by a version near the current", (run) => run.getCurrent()],
    [6, "slow put", (run) => run.slowPut()],
    [6, "slow patch", (run) => run.slowPatch()],
    [8, "slow get", (run) => run.slowGet()],
    [10, "end of a slow call", (run) => run.endSlow()],
    [4, "delete", (run) => run.delete()],
    [5, "list", (run) => run.list()],
    [1, "restart", (run) => run.restart()],
  ] as const satisfies readonly (readonly [number, ...Step])[]
).flatMap(([times, name, work]) => Array.from({ length: times }, (): Step => [name, work]));
