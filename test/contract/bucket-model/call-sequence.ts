/**
 * A sequence of calls of two replicas, each compared with a plain model.
 */
import { type Arbitrary, constantFrom, integer, oneof, option, record } from "fast-check";
import { expect } from "vitest";
import type { WriteCondition } from "../../../src/storage/s3/object-changes.ts";
import { BucketReplica, KEY } from "../../support/bucket-replica.ts";

const TTL_MS = 60_000;

interface ModelObject {
  version: number;
  values: string[];
  /** Undefined: deleted. */
  expiresMs: number | undefined;
}

const condition = option(
  oneof(
    constantFrom<WriteCondition>({ ifAbsent: true }),
    integer({ min: 1, max: 6 }).map((ifVersion): WriteCondition => ({ ifVersion })),
  ),
  { nil: undefined },
);
/** One call. */
export const callStep = record({
  replica: constantFrom(0, 1),
  verb: constantFrom("put", "put with ttl", "patch", "delete", "get", "renew", "wait"),
  key: constantFrom("a", "b"),
  condition,
  isLarge: constantFrom(false, false, true),
});
type Step = typeof callStep extends Arbitrary<infer Value> ? Value : never;

export class CallSequence {
  readonly #replicas: BucketReplica[];
  readonly #model = new Map<string, ModelObject>();
  #count = 0;

  constructor() {
    const first = new BucketReplica({ latencyMs: 0 });
    this.#replicas = [first, first.beside({ latencyMs: 0 })];
  }

  get #nowMs(): number {
    return this.#replicas[0]!.contents.time.nowMs;
  }

  async run({ replica: place, verb, key: objectId, condition, isLarge }: Step): Promise<void> {
    const replica = this.#replicas[place]!;
    const key = { ...KEY, objectId };
    this.#count += 1;
    const value = `value ${this.#count}${isLarge ? "x".repeat(70_000) : ""}`;
    const terms = condition === undefined ? {} : { condition };
    const live = this.#live(objectId);
    switch (verb) {
      case "wait":
        return replica.later(TTL_MS / 2 + 1000);
      case "get":
        return expect(await replica.run(replica.get({}, key))).toEqual(live?.values);
      case "renew":
        expect(await replica.run(replica.objects.renew(key, TTL_MS))).toMatchObject(
          live ? { version: live.version } : MISSING,
        );
        this.#write(objectId, live && { ...live, expiresMs: this.#nowMs + TTL_MS });
        return;
      case "delete":
        return this.#expect(
          await replica.run(replica.objects.delete(key, condition && { condition })),
          objectId,
          condition,
          {
            isAllowed: live !== undefined,
            next: (version) => ({ version: version - 1, values: [], expiresMs: undefined }),
          },
        );
      case "patch":
        return this.#expect(await replica.run(replica.patch(value, terms, key)), objectId, condition, {
          isAllowed: live !== undefined,
          next: (version) => ({ ...live!, version, values: [...live!.values, value] }),
        });
      default: {
        const ttlMs = verb === "put" ? Number.POSITIVE_INFINITY : TTL_MS;
        return this.#expect(
          await replica.run(replica.put(value, { ...terms, ttlMs }, key)),
          objectId,
          condition,
          {
            isAllowed: true,
            next: (version) => ({ version, values: [value], expiresMs: this.#nowMs + ttlMs }),
          },
        );
      }
    }
  }

  #live(objectId: string): ModelObject | undefined {
    const object = this.#model.get(objectId);
    return object?.expiresMs !== undefined && object.expiresMs > this.#nowMs ? object : undefined;
  }

  #write(objectId: string, object: ModelObject | undefined): void {
    this.#model.set(
      objectId,
      object ?? this.#model.get(objectId) ?? { version: 0, values: [], expiresMs: undefined },
    );
  }

  #expect(
    written: unknown,
    objectId: string,
    condition: WriteCondition | undefined,
    { isAllowed, next }: { isAllowed: boolean; next: (version: number) => ModelObject },
  ): void {
    const live = this.#live(objectId);
    const isMet =
      condition === undefined ||
      ("ifAbsent" in condition ? live === undefined : live?.version === condition.ifVersion);
    const object = isAllowed && isMet ? next((this.#model.get(objectId)?.version ?? 0) + 1) : undefined;
    const conflict = {
      kind: "refused",
      refusal: { kind: "conflict", ...(live && { version: live.version }) },
    };
    const refused = isAllowed ? conflict : MISSING;
    expect(written).toMatchObject(object ? { kind: "done", version: object.version } : refused);
    this.#write(objectId, object);
  }
}

const MISSING = { kind: "refused", refusal: { kind: "missing" } };
