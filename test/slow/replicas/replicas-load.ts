/**
 * Clients of several replicas over one real store: random calls on few keys, through proxies with
 * faults, while replicas are killed. What the clients saw is a history to check.
 *
 * Moments are counted in this process, around each call: a call may have been shorter than it looks
 * here, never longer, so that the check is not too strict.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Call, Outcome } from "../../contract/bucket-model/history.ts";
import { Random } from "../../support/random.ts";
import { KILL_STEPS, Replica, type ReplicaOptions } from "./replica.ts";
import type { AskedCall, CallAnswer } from "./replica-calls.ts";

export interface LoadOptions {
  readonly seed: number;
  readonly calls: number;
  /** Of each replica. */
  readonly clients?: number;
  readonly keys?: number;
  /** Probability that a replica is killed at a call, at once or at a step. */
  readonly kills?: number;
  /** No call begins after this time, ms. */
  readonly lastMs?: number;
  /** A get may rest up to this long between its reads. */
  readonly restMs?: number;
  /** The options of each replica. */
  readonly replicas: readonly ReplicaOptions[];
}

const VERBS: readonly Call["verb"][] = [
  ...(["get", "get", "get", "get", "get", "put", "put", "patch", "patch", "patch", "patch"] as const),
  ...(["delete", "create", "update", "renew", "list"] as const),
];
/** Long enough for a blob. */
const LONG = "-".repeat(30);
/** A store may apply what it was sent before. */
const SETTLE_MS = 2_500;

export class ReplicasLoad {
  readonly calls: Call[] = [];
  /** Errors that no call may end with. */
  readonly broken: string[] = [];
  /** How long calls took, ms. */
  readonly tookMs: number[] = [];
  readonly replicas: Replica[] = [];
  readonly #options: Required<LoadOptions>;
  readonly #random: Random;
  /** The version that a client saw last, by key. */
  readonly #seen = new Map<string, number>();
  #begunMs = 0;
  #moment = 0;
  #kills = 0;
  #issued = 0;

  constructor(options: LoadOptions) {
    this.#options = {
      clients: 4,
      keys: 8,
      kills: 0,
      lastMs: Number.POSITIVE_INFINITY,
      restMs: 0,
      ...options,
    };
    this.#random = new Random(options.seed);
  }

  /** Ends with a get of each key, which finds no faults. */
  async run(): Promise<void> {
    const { clients, keys, replicas } = this.#options;
    this.replicas.push(...(await Promise.all(replicas.map((options) => Replica.start(options)))));
    try {
      this.#begunMs = performance.now();
      const running = this.replicas.flatMap((replica) =>
        Array.from({ length: clients }, () => this.#client(replica)),
      );
      await Promise.all(running);
      for (const replica of this.replicas) replica.proxy.share = 0;
      await pause(SETTLE_MS);
      await this.replicas[0]!.kill();
      for (let key = 0; key < keys; key += 1) await this.#call(this.replicas[0]!, "get", `k${key}`);
    } finally {
      await Promise.all(this.replicas.map((replica) => replica.stop()));
    }
  }

  /** Sums over the replicas. */
  get kills(): Record<string, number> {
    return sumOf(this.replicas.map(({ kills }) => kills));
  }

  get faults(): Record<string, number> {
    return sumOf(this.replicas.map(({ proxy }) => proxy.counts));
  }

  get unknown(): number {
    return this.calls.filter(({ outcome }) => outcome.kind === "unknown").length;
  }

  async #client(replica: Replica): Promise<void> {
    const { calls, kills, keys, lastMs } = this.#options;
    while (this.#issued < calls && performance.now() - this.#begunMs < lastMs) {
      if (this.#random.below(1e6) / 1e6 < kills) await replica.kill(this.#nextStep());
      await this.#call(replica, this.#random.pick(VERBS), `k${this.#random.below(keys)}`);
    }
  }

  /** Each step in turn; and between two rounds at once, wherever the replica is. */
  #nextStep(): string | undefined {
    const step = KILL_STEPS[this.#kills % (KILL_STEPS.length + 1)];
    this.#kills += 1;
    return step;
  }

  async #call(replica: Replica, verb: Call["verb"], name: string): Promise<void> {
    this.#issued += 1;
    const value = `v${this.#issued}${this.#random.below(8) === 0 ? LONG : ""}`;
    const seen = this.#seen.get(name);
    const isConditional = verb === "get" && seen !== undefined && this.#random.below(3) === 0;
    const { restMs } = this.#options;
    const asked: AskedCall = { verb, name, value, ...(isConditional && { heldVersion: seen }), restMs };
    const begunMs = performance.now();
    this.#moment += 1;
    const begun = this.#moment;
    const answer = await replica.call(asked);
    this.#moment += 1;
    this.tookMs.push(performance.now() - begunMs);
    this.#record(asked, answer, { begun, ended: this.#moment });
  }

  #record(
    { verb, name, value }: AskedCall,
    answer: CallAnswer,
    moments: { begun: number; ended: number },
  ): void {
    if (answer.kind === "broken") this.broken.push(`${verb} ${name}: ${answer.text}`);
    else if (answer.kind === "listed") this.#recordList(answer.versions, moments);
    else {
      const isUnknown = answer.kind === "unknown";
      const ended = isUnknown ? Number.POSITIVE_INFINITY : moments.ended;
      this.calls.push({ verb, key: name, value, begun: moments.begun, ended, outcome: answer });
      if (answer.kind === "read" && answer.shown.isLive) this.#seen.set(name, answer.shown.version);
    }
  }

  /** A list is a look at each key. */
  #recordList(versions: Readonly<Record<string, number>>, moments: { begun: number; ended: number }): void {
    const absent = { isLive: false, version: 0, baseVersion: 0, values: [] };
    for (let index = 0; index < this.#options.keys; index += 1) {
      const key = `k${index}`;
      const version = versions[key];
      const outcome: Outcome =
        version === undefined ? { kind: "read", shown: absent } : { kind: "seen", version };
      this.calls.push({ verb: "list", key, value: "", ...moments, outcome });
    }
  }
}

function sumOf(records: readonly Partial<Record<string, number>>[]): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const record of records) {
    for (const [name, count = 0] of Object.entries(record)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}
