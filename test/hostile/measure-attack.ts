/**
 * One attack from its server's start to its end: what the honest client met, what the process held, whether it recovered.
 *
 *     start - prepare - warm - idle 3 s - ATTACK - at most 10 s until all is as before
 *
 * Three processes beside this one: the server, the honest client, the attacker.
 */
import { setTimeout } from "node:timers/promises";
import { pythonEnvironment } from "../support/python-environment.ts";
import type { Attack, AttackMessage, Target } from "./attack-run.ts";
import { type AttackedCache, startAttackedCache } from "./attacked-cache.ts";
import { BOUNDS } from "./bounds.ts";
import { HONEST_PLAN, type HonestSamples } from "./honest-plan.ts";
import * as figures from "./process-figures.ts";
import { Program } from "./program.ts";

const IDLE_MS = 3_000;
const SAMPLE_MS = 50;
const PREPARE_MS = 120_000;
/** An attack that does not see its own end is ended this long after it. */
const END_GRACE_MS = 3_000;

export interface MeasureOptions {
  readonly scale: number;
  /** Ends the server above this, as a small container would. */
  readonly groupBytes?: number | undefined;
}

/** What was seen; judged by verdict.ts. */
export interface Measured {
  readonly attack: Attack;
  /** It could not be run, and why. */
  readonly skipped?: string;
  readonly isAlive: boolean;
  readonly peakRssBytes: number;
  readonly beforeRssBytes: number;
  readonly afterRssBytes: number;
  readonly beforeDescriptors: number;
  readonly peakDescriptors: number;
  readonly afterDescriptors: number;
  /** Until memory and descriptors were as before; Infinity when they were not in time. */
  readonly recoveredMs: number;
  readonly idle: HonestSamples;
  readonly during: HonestSamples;
  readonly longestTurnMs: number;
  /** That turn with what the kernel gave to other programs. */
  readonly longestTurnWallMs: number;
  readonly peakHeapBytes: number;
  readonly peakExternalBytes: number;
  readonly attackMs: number;
  /** How memory was bounded in the second run. */
  readonly boundedBy?: string;
  readonly notes: readonly string[];
  readonly complaints: readonly string[];
}

export async function measureAttack(attack: Attack, options: MeasureOptions): Promise<Measured> {
  const python = attack.needs === "pyarrow" ? await pythonEnvironment() : undefined;
  if (python !== undefined && "missing" in python) return skippedAttack(attack, python.missing);
  const cache = await startAttackedCache(attack, options.scale, options.groupBytes);
  try {
    const { hostname, port } = new URL(cache.server.endpoint);
    const target: Target = {
      host: hostname,
      port: Number(port),
      endpoint: cache.server.endpoint,
      scale: options.scale,
      ...(cache.certificate !== undefined && { certificate: cache.certificate }),
      ...(python !== undefined && { python: python.python }),
    };
    return await new Measurement(attack, options, cache).run(target);
  } finally {
    await cache.stop();
  }
}

const NOTHING: HonestSamples = { small: [], large: [], failures: {} };

function skippedAttack(attack: Attack, skipped: string): Measured {
  return {
    attack,
    skipped,
    isAlive: true,
    peakRssBytes: 0,
    beforeRssBytes: 0,
    afterRssBytes: 0,
    beforeDescriptors: 0,
    peakDescriptors: 0,
    afterDescriptors: 0,
    recoveredMs: 0,
    idle: NOTHING,
    during: NOTHING,
    longestTurnMs: 0,
    longestTurnWallMs: 0,
    peakHeapBytes: 0,
    peakExternalBytes: 0,
    attackMs: 0,
    notes: [],
    complaints: [],
  };
}

class Measurement {
  readonly #attack: Attack;
  readonly #options: MeasureOptions;
  readonly #cache: AttackedCache;
  readonly #pid: number;
  readonly #notes: string[] = [];
  readonly #complaints: string[] = [];
  #peakRss = 0;
  #peakDescriptors = 0;
  #watchdogKilled = false;

  constructor(attack: Attack, options: MeasureOptions, cache: AttackedCache) {
    this.#attack = attack;
    this.#options = options;
    this.#cache = cache;
    this.#pid = cache.server.pid;
  }

  async run(target: Target): Promise<Measured> {
    const plan = { ...HONEST_PLAN, ...this.#attack.honest };
    const { name, seconds } = this.#attack;
    await using attacker = new Program("attack-process.ts", [name, `${seconds}`, JSON.stringify(target)]);
    await attacker.message(({ kind }: AttackMessage) => kind === "prepared", PREPARE_MS);
    await using honest = new Program("honest-client.ts", [JSON.stringify({ target, plan })]);
    await honest.message((message) => message === "ready", PREPARE_MS);
    await setTimeout(IDLE_MS / 3);
    await this.#samplesOf(honest);
    await setTimeout(IDLE_MS);
    const idle = await this.#samplesOf(honest);
    const before = this.#now();
    figures.forgetPeak(this.#pid);
    const { attackMs, begunMs } = await this.#watch(attacker);
    const during = await this.#samplesOf(honest);
    const endedMs = Date.now();
    await attacker.end();
    const recoveredMs = await this.#recover(before);
    const after = this.#now();
    const records = this.#cache.records().filter(({ time }) => time >= begunMs && time <= endedMs + 1_000);
    const longest = records.reduce((most, each) => (own(each) > own(most) ? each : most), {
      turnMs: 0,
      waitedMs: 0,
    });
    return {
      attack: this.#attack,
      isAlive: figures.isRunning(this.#pid),
      peakRssBytes: Math.max(this.#peakRss, ...records.map(({ rss }) => rss)),
      beforeRssBytes: before.rss,
      afterRssBytes: after.rss,
      beforeDescriptors: before.descriptors,
      peakDescriptors: this.#peakDescriptors,
      afterDescriptors: after.descriptors,
      recoveredMs,
      idle,
      during,
      longestTurnMs: own(longest),
      longestTurnWallMs: longest.turnMs,
      peakHeapBytes: Math.max(0, ...records.map(({ heapUsed }) => heapUsed)),
      peakExternalBytes: Math.max(0, ...records.map(({ external }) => external)),
      attackMs,
      ...(this.#options.groupBytes !== undefined && { boundedBy: this.#boundedBy() }),
      notes: this.#notes,
      complaints: this.#complaints,
    };
  }

  async #samplesOf(honest: Program): Promise<HonestSamples> {
    const samples = honest.message((message) => typeof message === "object", 5_000);
    honest.send("phase");
    return (await samples) as HonestSamples;
  }

  /** Lets the attack go and looks until it is over. */
  async #watch(attacker: Program): Promise<{ attackMs: number; begunMs: number }> {
    const begunMs = Date.now();
    const begun = performance.now();
    const endsMs = begun + this.#attack.seconds * 1000 + END_GRACE_MS;
    let isOver = false;
    attacker.onMessage((message: AttackMessage) => {
      if (message.kind === "over") isOver = true;
      if (message.kind === "note") this.#notes.push(message.text);
      if (message.kind === "complaint") this.#complaints.push(message.text);
    });
    attacker.send("go");
    while (!isOver && attacker.isRunning && performance.now() < endsMs) {
      await setTimeout(SAMPLE_MS);
      this.#sample();
      if (!figures.isRunning(this.#pid)) break;
    }
    if (!isOver && !attacker.isRunning) this.#complaints.push("the attack's own process died");
    return { attackMs: performance.now() - begun, begunMs };
  }

  /** Waits until all is as before, at most as long as it may take. */
  async #recover(before: { rss: number; descriptors: number }): Promise<number> {
    const begun = performance.now();
    while (performance.now() - begun < BOUNDS.recoveryMs) {
      this.#sample();
      if (!figures.isRunning(this.#pid)) return Number.POSITIVE_INFINITY;
      const { rss, descriptors } = this.#now();
      const isBack =
        rss <= before.rss + BOUNDS.keptBytes && descriptors <= before.descriptors + BOUNDS.keptDescriptors;
      if (isBack) return performance.now() - begun;
      await setTimeout(SAMPLE_MS);
    }
    return Number.POSITIVE_INFINITY;
  }

  #now(): { rss: number; descriptors: number } {
    if (!figures.isRunning(this.#pid)) return { rss: 0, descriptors: 0 };
    return { rss: figures.residentBytes(this.#pid), descriptors: figures.descriptorsOf(this.#pid) };
  }

  #sample(): void {
    const { rss, descriptors } = this.#now();
    if (rss === 0) return;
    this.#peakRss = Math.max(this.#peakRss, rss, figures.peakBytes(this.#pid));
    this.#peakDescriptors = Math.max(this.#peakDescriptors, descriptors);
    const { groupBytes } = this.#options;
    if (groupBytes === undefined || this.#cache.group !== undefined || rss <= groupBytes) return;
    this.#watchdogKilled = true;
    process.kill(this.#pid, "SIGKILL");
  }

  #boundedBy(): string {
    const { group, missingGroup } = this.#cache;
    if (group === undefined) {
      return `no cgroup (${missingGroup}): ended above the bound${this.#watchdogKilled ? ", and it was" : ""}`;
    }
    return `cgroup: peak ${Math.round(group.peakBytes() / 2 ** 20)} MiB with page cache, ${group.kills()} kills`;
  }
}

/** A turn without what other programs were given of the processor. */
function own({ turnMs, waitedMs }: { turnMs: number; waitedMs: number }): number {
  return Math.max(0, turnMs - waitedMs);
}
