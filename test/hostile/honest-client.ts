/**
 * The honest client as a process of its own: works by its plan, and tells at each change of phase what the phase took.
 *
 * Started with target and plan as JSON in its argument. A call that is still under way when a phase ends counts there with what it
 * took so far. Sends "ready" when it is warm, then an HonestSamples for each message it gets; an ended channel ends it.
 */
import { setTimeout } from "node:timers/promises";
import type { Target } from "./attack-run.ts";
import { HonestConnection } from "./honest-calls.ts";
import type { HonestPlan, HonestSamples } from "./honest-plan.ts";

const DIAL_AGAIN_MS = 500;
const SMALL_PAUSE_MS = 2;
const FAILURE_PAUSE_MS = 50;
const SMALL_KEYS = 50;
const WARM_TIMEOUT_MS = 60_000;

const { target, plan } = JSON.parse(process.argv[2] ?? "") as { target: Target; plan: HonestPlan };

type Size = "small" | "large";

let samples = { small: [] as number[], large: [] as number[], failures: {} as Record<string, number> };
const underWay = new Map<Size, number>();

/** Calls that fail are counted apart, and cost a pause: what fails at once would otherwise pass for many fast calls. */
async function timed(size: Size, work: () => Promise<void>): Promise<boolean> {
  const begun = performance.now();
  underWay.set(size, begun);
  try {
    await work();
    samples[size].push(performance.now() - begun);
    return true;
  } catch (error) {
    const failure = `${size}: ${(error as Error).message}`;
    samples.failures[failure] = (samples.failures[failure] ?? 0) + 1;
    await setTimeout(FAILURE_PAUSE_MS);
    return false;
  } finally {
    underWay.delete(size);
  }
}

/** A connection that is replaced from time to time, because those who come anew are to be let in too. */
class Dialled {
  #connection: HonestConnection | undefined;
  #sinceMs = 0;

  get current(): HonestConnection {
    if (this.#connection?.isUsable !== true || performance.now() - this.#sinceMs > DIAL_AGAIN_MS) {
      this.#connection?.close();
      this.#connection = new HonestConnection(target, plan.address, plan.timeoutMs);
      this.#sinceMs = performance.now();
    }
    return this.#connection;
  }
}

function honestValue(sizeBytes: number, number: number): Buffer {
  const value = Buffer.alloc(sizeBytes, number % 251);
  value.write(`value ${number} of ${sizeBytes} bytes`);
  return value;
}

async function workSmall(): Promise<void> {
  const dialled = new Dialled();
  for (let i = 0; ; i += 1) {
    const key = `honest/small/${i % SMALL_KEYS}`;
    const value = honestValue(plan.smallBytes, i);
    const isStored = await timed("small", () => dialled.current.put(key, value));
    if (isStored) await timed("small", () => dialled.current.get(key, value));
    await setTimeout(SMALL_PAUSE_MS);
  }
}

async function workLarge(): Promise<void> {
  const dialled = new Dialled();
  for (let i = 0; ; i += 1) {
    const key = `honest/large/${i % plan.largeKeys}`;
    const value = honestValue(plan.largeBytes, i);
    const isStored = await timed("large", () => dialled.current.put(key, value));
    if (isStored && plan.getsLarge) await timed("large", () => dialled.current.get(key, value));
    await setTimeout(plan.largePauseMs);
  }
}

async function warmUp(): Promise<void> {
  const connection = new HonestConnection(target, plan.address, WARM_TIMEOUT_MS);
  for (let i = 0; i < plan.warmObjects; i += 1) {
    const value = honestValue(2 ** 20, i);
    await connection.put(`honest/warm/${i}`, value);
    await connection.get(`honest/warm/${i}`, value);
  }
  connection.close();
}

process.on("disconnect", () => process.exit(0));
process.on("message", () => {
  const now = performance.now();
  for (const [size, begun] of underWay) samples[size].push(now - begun);
  process.send?.(samples satisfies HonestSamples);
  samples = { small: [], large: [], failures: {} };
});
await warmUp();
process.send?.("ready");
await Promise.all([workSmall(), workLarge()]);
