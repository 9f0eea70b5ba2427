/**
 * The load generator: a process of its own that makes as many calls as a server answers.
 *
 * Each client is one connection with one call under way. A get takes any key, a put one that no other client puts. Requests are
 * bytes made beforehand, answers are only counted, so that the generator stays cheaper than any server. Takes one task per
 * line on standard input and answers each with one line of JSON (load-task.ts).
 */
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import { Random } from "../../test/support/random.ts";
import { FileCaller } from "./file-caller.ts";
import { FlightCaller, flightRequests } from "./flight-caller.ts";
import type { Caller, LoadResult, LoadTask } from "./load-task.ts";
import { RedisCaller, redisRequests } from "./redis-caller.ts";

function openCallers({ target, objects, sizeBytes, clients }: LoadTask): Caller[] {
  const names = objects.keys.map(({ name }) => name);
  const many = (open: () => Caller): Caller[] => Array.from({ length: clients }, open);
  if (target.kind === "flight") {
    const requests = flightRequests(objects);
    return many(() => new FlightCaller(target.url, requests));
  }
  const value = randomBytes(sizeBytes);
  if (target.kind === "redis") {
    const requests = redisRequests(names, value);
    return many(() => new RedisCaller(target.port, requests));
  }
  const { directory } = target;
  return many(() => new FileCaller({ directory, names, value, isAlone: clients === 1 }));
}

/** The keys that a client puts: the i-th, and every one that is `clients` further. */
function ownKeys({ objects, clients }: LoadTask, client: number): number[] {
  return objects.keys.map((_, key) => key).filter((key) => key % clients === client);
}

interface Latencies {
  readonly getMs: number[];
  readonly putMs: number[];
}

async function work(task: LoadTask, caller: Caller, client: number, { getMs, putMs }: Latencies) {
  const random = new Random(client);
  const own = ownKeys(task, client);
  const start = performance.now();
  for (let before = start; before - start < task.durationMs; ) {
    const isGet = random.below(100) < task.getPercent;
    if (isGet) await caller.get(random.below(task.objects.keys.length));
    else await caller.put(random.pick(own));
    const after = performance.now();
    (isGet ? getMs : putMs).push(after - before);
    before = after;
  }
}

async function fill(task: LoadTask, callers: readonly Caller[]): Promise<void> {
  await Promise.all(
    callers.map(async (caller, client) => {
      for (const key of ownKeys(task, client)) await caller.put(key);
    }),
  );
}

async function run(task: LoadTask): Promise<LoadResult> {
  const callers = openCallers(task);
  const latencies: Latencies = { getMs: [], putMs: [] };
  if (task.isFilled) await fill(task, callers);
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  await Promise.all(callers.map((caller, client) => work(task, caller, client, latencies)));
  const elapsedMs = performance.now() - start;
  const cpu = process.cpuUsage(cpuBefore);
  for (const caller of callers) caller.close();
  const calls = latencies.getMs.length + latencies.putMs.length;
  return {
    callsPerSecond: (calls / elapsedMs) * 1000,
    ...latencies,
    generatorLoad: (cpu.user + cpu.system) / 1000 / elapsedMs,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify(await run(JSON.parse(line) as LoadTask))}\n`);
}
