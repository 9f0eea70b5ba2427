/**
 * Prints what the eviction policies cost: nanoseconds of processor time an operation, with a million items held.
 *
 *     npx tsx bench/traces/cost.ts
 *
 * "read" tells a policy of a read of any item, one in eleven of which is not held; "put" evicts one item and admits another. The owner's part, a name made
 * of its three parts whenever it is asked for, is within.
 */
import { Evictable, type EvictionPolicy } from "../../src/eviction/eviction-policy.ts";
import { openPolicy, type PolicyName } from "../../src/eviction/open-policy.ts";
import { Random } from "../../test/support/random.ts";
import { median } from "../statistics.ts";

const ITEMS = 1_000_000;
const SPARES = 100_000;
const OPERATIONS = 500_000;
const ROUNDS = 7;
const NAMES: readonly PolicyName[] = ["lru", "s3-fifo", "adaptive"];

class CostItem extends Evictable {
  readonly costBytes = 4096;
  readonly #session: string;
  readonly #id: string;

  constructor(number: number) {
    super();
    this.#session = `session-${number % 1000}`;
    this.#id = `object-${number}`;
  }

  get evictionKey(): string {
    return `application/${this.#session}/${this.#id}`;
  }
}

/** Processor time of this process, collection of garbage included, nanoseconds. */
function cpuNs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) * 1000;
}

function evictOne(policy: EvictionPolicy): CostItem {
  for (const victim of policy.victims()) {
    policy.removed(victim, "evicted");
    return victim as CostItem;
  }
  throw new Error("nobody may leave");
}

class Subject {
  readonly name: PolicyName;
  readonly reads: number[] = [];
  readonly puts: number[] = [];
  readonly #policy: EvictionPolicy;
  readonly #items = Array.from({ length: ITEMS + SPARES }, (_, i) => new CostItem(i));
  /** Those who are not held, in a ring: who was evicted comes back when all others have. */
  readonly #spares = this.#items.slice(ITEMS);
  #next = 0;

  constructor(name: PolicyName) {
    this.name = name;
    this.#policy = openPolicy(name);
    for (const item of this.#items.slice(0, ITEMS)) this.#policy.admitted(item);
  }

  round(order: readonly number[]): void {
    const started = cpuNs();
    for (const at of order) this.#policy.touched(this.#items[at]!);
    const read = cpuNs();
    for (let i = 0; i < OPERATIONS; i += 1) this.#put();
    const put = cpuNs();
    this.reads.push((read - started) / OPERATIONS);
    this.puts.push((put - read) / OPERATIONS);
  }

  #put(): void {
    const evicted = evictOne(this.#policy);
    this.#policy.admitted(this.#spares[this.#next]!);
    this.#spares[this.#next] = evicted;
    this.#next = (this.#next + 1) % SPARES;
  }
}

const random = new Random(1);
const subjects = NAMES.map((name) => new Subject(name));
for (let round = 0; round <= ROUNDS; round += 1) {
  const order = Array.from({ length: OPERATIONS }, () => random.below(ITEMS + SPARES));
  for (const subject of subjects) subject.round(order);
}
for (const { name, reads, puts } of subjects) {
  const [read, put] = [median(reads.slice(1)), median(puts.slice(1))];
  console.log(`${name.padEnd(9)} read ${read.toFixed(0)} ns, put ${put.toFixed(0)} ns`);
}
