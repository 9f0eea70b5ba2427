/**
 * One run of several replicas with several clients each over one bucket in memory, with faults.
 *
 * Random calls on few keys; replicas are killed in the middle of their calls and replaced. All in
 * virtual time, from one seed.
 */
import { isCacheError } from "../../../src/errors.ts";
import type { ObjectKey } from "../../../src/object/object-key.ts";
import { BucketObjects, type FoundObject } from "../../../src/storage/s3/bucket-objects.ts";
import type { PutTerms, WriteCondition } from "../../../src/storage/s3/object-changes.ts";
import { StagedBody } from "../../../src/storage/s3/staged-body.ts";
import { BucketContents, type Defects, MemoryBucket } from "../../support/memory-bucket.ts";
import { Random } from "../../support/random.ts";
import { VirtualTime } from "../../support/virtual-time.ts";
import type { Call, Outcome, Shown } from "./history.ts";

export interface ReplicasRunOptions {
  readonly seed: number;
  readonly calls: number;
  /** Probability of each fault of a request. */
  readonly share: number;
  readonly replicas?: number;
  readonly clients?: number;
  readonly keys?: number;
  /** Probability that a replica is killed at a call. */
  readonly kills?: number;
  readonly defects?: Defects;
  /** Now and then a client rests up to this long, in the middle of a get as well. */
  readonly restMs?: number;
  /** Runs beside the clients with each replica, until `isOver`. */
  readonly beside?: (replica: Replica, isOver: () => boolean) => Promise<void>;
}

export interface Replica {
  readonly objects: BucketObjects;
  readonly bucket: MemoryBucket;
}

export const FACTS: PutTerms = { form: "file", kind: "opaque", rowCount: 1, dataBytes: 0 };
/** Longer values are blobs. */
const INLINE_BYTES = 24;
const VERBS = [
  "get",
  "get",
  "get",
  "get",
  "put",
  "put",
  "patch",
  "patch",
  "patch",
  "patch",
  "delete",
  "create",
  "update",
] as const;

export function keyOf(name: string): ObjectKey {
  return { applicationId: "app", sessionId: "s 1", objectId: name };
}

export class ReplicasRun {
  readonly time = new VirtualTime();
  readonly contents = new BucketContents(this.time);
  readonly calls: Call[] = [];
  readonly faults: Record<string, number> = {};
  #options: Required<Omit<ReplicasRunOptions, "beside" | "defects">> & ReplicasRunOptions;
  readonly #random: Random;
  readonly #replicas: Replica[] = [];
  readonly #buckets: MemoryBucket[] = [];
  #moment = 0;
  #values = 0;
  #isOver = false;

  constructor(options: ReplicasRunOptions) {
    this.#options = { replicas: 3, clients: 4, keys: 5, kills: 0, restMs: 0, ...options };
    this.#random = new Random(options.seed);
  }

  async run(): Promise<void> {
    const { replicas, clients, keys } = this.#options;
    const places = Array.from({ length: replicas }, (_, place) => place);
    for (const place of places) this.#replicas[place] = this.#open();
    const running = places.flatMap((place) => Array.from({ length: clients }, () => this.#client(place)));
    await this.time.run(Promise.all(running));
    this.#isOver = true;
    // What is applied late is applied, and a replica that knows nothing reads the end.
    await this.time.run(this.time.pause(60_000));
    this.#options = { ...this.#options, share: 0, defects: {} };
    const reader = this.#open();
    for (let index = 0; index < keys; index += 1) {
      await this.time.run(this.#call(reader, "get", `k${index}`));
    }
    for (const bucket of this.#buckets) {
      for (const [fault, count] of Object.entries(bucket.faults))
        this.faults[fault] = (this.faults[fault] ?? 0) + count;
    }
  }

  #open(): Replica {
    const { share, defects, beside } = this.#options;
    const random = new Random(this.#random.below(2 ** 31));
    const bucket = new MemoryBucket({ contents: this.contents, random, share, ...defects });
    const clock = { monotonicAheadMs: random.below(1e6), wallAheadMs: random.below(1e9) };
    const objects = new BucketObjects(bucket, {
      timing: this.time.timing(random, clock),
      cacheBytesMax: 24_000,
    });
    const replica = { objects, bucket };
    this.#buckets.push(bucket);
    void beside?.(replica, () => this.#isOver || bucket.isCut);
    return replica;
  }

  async #client(place: number): Promise<void> {
    const { calls, kills, keys } = this.#options;
    while (this.calls.length < calls) {
      if (this.#random.below(1e6) / 1e6 < kills) this.#kill(place);
      while (this.#replicas[place]!.bucket.isCut) await this.time.pause(50);
      const replica = this.#replicas[place]!;
      const key = `k${this.#random.below(keys)}`;
      // A client of a killed replica gets no answer.
      const work = this.#call(replica, this.#random.pick(VERBS), key);
      await Promise.race([work, replica.bucket.whenCut]);
      await this.#rest(20);
    }
  }

  async #rest(oneOf: number): Promise<void> {
    const isLong = this.#random.below(oneOf) === 0;
    await this.time.pause(this.#random.below(isLong ? Math.max(5, this.#options.restMs) : 5));
  }

  /** Ends some requests from now, so that each step of each call is hit. */
  #kill(place: number): void {
    const { bucket } = this.#replicas[place]!;
    bucket.cutAt(1 + this.#random.below(6), this.#random.below(2) === 0);
    this.time.at(500, () => {
      bucket.cut();
      this.#replicas[place] = this.#open();
    });
  }

  async #call(replica: Replica, verb: Call["verb"], name: string): Promise<void> {
    this.#values += 1;
    this.#moment += 1;
    const value = `v${this.#values}${this.#random.below(8) === 0 ? "-".repeat(30) : ""}`;
    const call: Call = {
      verb,
      key: name,
      value,
      begun: this.#moment,
      ended: Number.POSITIVE_INFINITY,
      outcome: { kind: "unknown" },
    };
    this.calls.push(call);
    const outcome = await this.#outcome(replica, verb, keyOf(name), value);
    this.#moment += 1;
    call.outcome = outcome;
    // A call without a known outcome can take effect later.
    call.ended = outcome.kind === "unknown" ? Number.POSITIVE_INFINITY : this.#moment;
  }

  /** A reader may be so slow that what it reads is garbage meanwhile. */
  async #show(found: FoundObject): Promise<Shown> {
    if (this.#options.restMs > 0) await this.#rest(5);
    return await showObject(found);
  }

  async #outcome(replica: Replica, verb: Call["verb"], key: ObjectKey, value: string): Promise<Outcome> {
    try {
      if (verb === "get") {
        return { kind: "read", shown: await replica.objects.use(key, {}, (found) => this.#show(found)) };
      }
      return await perform(replica, verb, key, value);
    } catch (error) {
      if (!isCacheError(error, "STORAGE_UNAVAILABLE")) throw error;
      return { kind: error.facts.outcome === "not applied" || error.facts.replaced ? "refused" : "unknown" };
    }
  }
}

async function perform(
  { objects }: Replica,
  verb: Call["verb"],
  key: ObjectKey,
  value: string,
): Promise<Outcome> {
  if (verb === "delete") return outcomeOf(await objects.delete(key));
  const { bucket, timing } = objects.manifests;
  const staged = new StagedBody({ bucket, timing, key, inlineBytesMax: INLINE_BYTES });
  await staged.append([Buffer.from(value)]);
  const body = await staged.finish();
  if (verb === "patch") return outcomeOf(await objects.patch(key, body));
  const held = objects.manifests.held(key)?.manifest?.version ?? 1;
  const condition: WriteCondition | undefined =
    verb === "create" ? { ifAbsent: true } : verb === "update" ? { ifVersion: held } : undefined;
  return outcomeOf(await objects.put(key, body, { ...FACTS, ...(condition && { condition }) }));
}

function outcomeOf(written: Awaited<ReturnType<BucketObjects["delete"]>>): Outcome {
  return written.kind === "done" ? { kind: "written", version: written.version } : { kind: "refused" };
}

export async function showObject(found: FoundObject): Promise<Shown> {
  const version = found.state.manifest?.version ?? 0;
  if (found.kind !== "found") return { isLive: false, version, baseVersion: 0, values: [] };
  const { reader } = found;
  const values = [(await reader.readAll(reader.live.base)).toString()];
  for await (const patch of reader.patches()) values.push((await reader.readAll(patch.content)).toString());
  return { isLive: true, version, baseVersion: reader.live.baseVersion, values };
}
