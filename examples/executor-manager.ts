/**
 * A small host that runs tasks beside its cache: an executor manager in miniature.
 *
 *     npx tsx examples/executor-manager.ts --config flame-cluster.yaml --tasks 4 -- python3 task.py
 *
 * It reads the `cache` section of flame-cluster.yaml, starts the cache in a thread of its own, runs the command as
 * child processes with FLAME_CACHE_ENDPOINT set, waits for them, stops the cache, and exits with the worst of their
 * exit codes. SIGTERM and SIGINT end the tasks first and the cache last. With `--tasks 0` it needs no command and
 * serves until such a signal, or exits with 1 if the cache fails.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { parseArgs } from "node:util";
import { startObjectCacheThread } from "flame-object-cache";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { config: { type: "string" }, tasks: { type: "string", default: "2" } },
});
const [command = "", ...args] = positionals;
const taskCount = Number(values.tasks);
if (!(taskCount >= 0) || (taskCount > 0 && command === "")) {
  console.error("usage: executor-manager.ts [--config FILE] [--tasks N] -- COMMAND [ARG ...]");
  process.exit(64);
}

const cache = await startObjectCacheThread(values.config === undefined ? {} : { configFile: values.config });
console.log(`cache at ${cache.endpoint}`);

const tasks = new Set<ChildProcess>();
const signalled = new Promise<number>((resolve) => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    process.once(signal, () => {
      for (const task of tasks) task.kill(signal);
      resolve(0);
    });
  }
});
const failed = cache.ended.then((failure) => {
  if (failure !== undefined) console.error("the cache has failed:", failure.message);
  return 1;
});

const codes = taskCount === 0 ? [await serveUntilEnd()] : await runTasks();
await cache.stop();
console.log("cache stopped");
process.exitCode = Math.max(...codes, 0);

/** Neither a signal handler nor the thread keeps the process alive; the timer does. */
async function serveUntilEnd(): Promise<number> {
  const alive = setInterval(() => {}, 60_000);
  try {
    return await Promise.race([signalled, failed]);
  } finally {
    clearInterval(alive);
  }
}

async function runTasks(): Promise<number[]> {
  return await Promise.all(Array.from({ length: taskCount }, (_, index) => runTask(index)));
}

async function runTask(index: number): Promise<number> {
  const env = { ...process.env, FLAME_CACHE_ENDPOINT: cache.endpoint, FLAME_TASK_INDEX: String(index) };
  const task = spawn(command, args, { env, stdio: "inherit" });
  tasks.add(task);
  try {
    const [code] = (await once(task, "exit")) as [number | null];
    return code ?? 1;
  } finally {
    tasks.delete(task);
  }
}
