/**
 * A small host that runs tasks beside its cache: an executor manager in miniature.
 *
 *     npx tsx examples/executor-manager.ts --config flame-cluster.yaml --tasks 4 -- python3 task.py
 *
 * It reads the `cache` section of flame-cluster.yaml, starts the cache in a thread of its own, runs the command as
 * child processes with FLAME_CACHE_ENDPOINT set, waits for them, stops the cache, and exits with the worst of their
 * exit codes. SIGTERM and SIGINT end the tasks first and the cache last.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { startObjectCacheThread } from "flame-object-cache";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { config: { type: "string" }, tasks: { type: "string", default: "2" } },
});
const [command, ...args] = positionals;
if (command === undefined) {
  console.error("usage: executor-manager.ts [--config FILE] [--tasks N] -- COMMAND [ARG ...]");
  process.exit(64);
}

const cache = await startObjectCacheThread(values.config === undefined ? {} : { configFile: values.config });
console.log(`cache at ${cache.endpoint}`);

const tasks = new Set<ChildProcess>();
for (const signal of ["SIGTERM", "SIGINT"] as const) {
  process.once(signal, () => {
    for (const task of tasks) task.kill(signal);
  });
}
void cache.ended.then((failure) => {
  if (failure !== undefined) console.error("the cache has failed:", failure.message);
});

const codes = await Promise.all(Array.from({ length: Number(values.tasks) }, (_, index) => runTask(index)));
await cache.stop();
console.log("cache stopped");
process.exitCode = Math.max(...codes, 0);

async function runTask(index: number): Promise<number> {
  const env = { ...process.env, FLAME_CACHE_ENDPOINT: cache.endpoint, FLAME_TASK_INDEX: String(index) };
  const task = spawn(command!, args, { env, stdio: "inherit" });
  tasks.add(task);
  try {
    const [code] = (await once(task, "exit")) as [number | null];
    return code ?? 1;
  } finally {
    tasks.delete(task);
  }
}
