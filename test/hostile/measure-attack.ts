/**
 * One attack from its server's start to its end: what the honest client met, what the process held, whether it recovered.
 *
 *     start - prepare - warm - idle - ATTACK - at most 10 s until all is as before
 *
 * Three processes beside this one: the server, the honest client, the attacker.
 */
import { setTimeout } from "node:timers/promises";
import { pythonEnvironment } from "../support/python-environment.ts";
import type { Attack, AttackMessage, Target } from "./attack-run.ts";
import { type AttackedCache, startAttackedCache } from "./attacked-cache.ts";
import { HONEST_PLAN, type HonestSamples } from "./honest-plan.ts";
import { ADMIN_LISTENER } from "./http-connections.ts";
import { insideFigures, type Measured, type Skipped } from "./measured.ts";
import { Program } from "./program.ts";
import { SAMPLE_MS, ServerWatch } from "./server-watch.ts";

const SETTLE_MS = 500;
const IDLE_MS = 2_500;
const PREPARE_MS = 120_000;
const ANSWER_MS = 10_000;
/** An attack that does not see its own end is ended this long after it. */
const END_GRACE_MS = 3_000;

export interface MeasureOptions {
  readonly scale: number;
  /** Ends the server above this, as a small container would. */
  readonly groupBytes?: number;
  /** Only whether it survives: no idle time to compare with, no wait for recovery. */
  readonly isBrief?: boolean;
  /** A share of the attack's time, and of the idle time before it; 1 unless it is told. */
  readonly timeShare?: number;
}

export async function measureAttack(attack: Attack, options: MeasureOptions): Promise<Measured | Skipped> {
  const python = attack.needs === "pyarrow" ? await pythonEnvironment() : undefined;
  if (python !== undefined && "missing" in python) return { attack, skipped: python.missing };
  const cache = await startAttackedCache(attack, options);
  try {
    const { hostname, port } = new URL(cache.server.endpoint);
    const target: Target = {
      host: hostname,
      port: Number(port),
      endpoint: cache.server.endpoint,
      scale: options.scale,
      ...(await adminPortOf(attack, cache)),
      ...(cache.certificate !== undefined && { certificate: cache.certificate }),
      ...(python !== undefined && { python: python.python }),
    };
    return await measure(attack, { ...options, cache, target });
  } finally {
    await cache.stop();
  }
}

const ADMIN = /"admin":"http:\/\/127\.0\.0\.1:(\d+)"/;

/** As the server logs it when it is ready; the line comes through another pipe. */
async function adminPortOf({ configuration = [] }: Attack, { server }: AttackedCache): Promise<object> {
  if (!configuration.includes(ADMIN_LISTENER)) return {};
  const endMs = performance.now() + ANSWER_MS;
  while (!ADMIN.test(server.log) && performance.now() < endMs) await setTimeout(SAMPLE_MS);
  return { adminPort: Number(ADMIN.exec(server.log)?.[1]) };
}

interface Measurement extends MeasureOptions {
  readonly cache: AttackedCache;
  readonly target: Target;
}

async function measure(
  attack: Attack,
  { cache, target, groupBytes, isBrief, timeShare = 1 }: Measurement,
): Promise<Measured> {
  const plan = { ...HONEST_PLAN, ...attack.honest };
  const seconds = attack.seconds * timeShare;
  const args = [attack.name, `${seconds}`, JSON.stringify(target)];
  await using attacker = new Program("attack-process.ts", args);
  await attacker.message(({ kind }: AttackMessage) => kind === "prepared", PREPARE_MS);
  await using honest = new Program("honest-client.ts", [JSON.stringify({ target, plan })]);
  await honest.message((message) => message === "ready", PREPARE_MS);
  await setTimeout(SETTLE_MS);
  await samplesOf(honest);
  await setTimeout(isBrief ? SETTLE_MS : IDLE_MS * timeShare);
  const idle = await samplesOf(honest);
  const watch = new ServerWatch(cache, groupBytes);
  const begunMs = Date.now();
  const said = await attackUntilItsEnd(seconds, attacker, watch);
  const during = await samplesOf(honest);
  const endedMs = Date.now();
  await attacker.end();
  const recoveredMs = isBrief ? undefined : await watch.recovery();
  return {
    attack,
    isAlive: watch.isAlive,
    before: watch.before,
    peak: watch.peak,
    after: watch.now,
    recoveredMs,
    idle,
    during,
    inside: insideFigures(cache.records(), { begunMs, endedMs }),
    boundedBy: watch.boundedBy,
    ...said,
  };
}

async function samplesOf(honest: Program): Promise<HonestSamples> {
  const samples = honest.message((message: object) => typeof message === "object", ANSWER_MS);
  honest.send("phase");
  return (await samples) as HonestSamples;
}

/** Lets the attack go, and looks at the server until it is over. @returns what the attack said */
async function attackUntilItsEnd(
  seconds: number,
  attacker: Program,
  watch: ServerWatch,
): Promise<{ notes: string[]; complaints: string[] }> {
  const said = { notes: [] as string[], complaints: [] as string[] };
  let isOver = false;
  attacker.onMessage((message: AttackMessage) => {
    if (message.kind === "over") isOver = true;
    if (message.kind === "note") said.notes.push(message.text);
    if (message.kind === "complaint") said.complaints.push(message.text);
  });
  const endsMs = performance.now() + seconds * 1000 + END_GRACE_MS;
  attacker.send("go");
  while (!isOver && watch.isAlive && attacker.isRunning && performance.now() < endsMs) {
    await setTimeout(SAMPLE_MS);
    watch.sample();
  }
  if (!isOver && attacker.isRunning)
    said.notes.push("the attack was cut off before it had done all of its work");
  if (!isOver && !attacker.isRunning) said.complaints.push("the attack's own process died");
  return said;
}
