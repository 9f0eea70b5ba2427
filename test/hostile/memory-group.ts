/**
 * A bound on a process's memory that ends it: a cgroup below this process's own, made for one server and removed again.
 *
 * What a process held before it joined is not charged here. Where no cgroup can be made (no rights, a container without
 * delegation) the reason is given back, and whoever measures ends the server by its resident memory instead.
 * Source: cgroups(7); memory.rst of version 1 and cgroup-v2.rst.
 */
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface MemoryGroup {
  /** What a process writes its id to in order to join. */
  readonly joinFile: string;
  /** How many processes the kernel ended here for want of memory. */
  kills(): number;
  /** Of everything in it, page cache that can be dropped included. */
  peakBytes(): number;
  remove(): void;
}

interface Version {
  readonly root: string;
  readonly pattern: RegExp;
  readonly files: { limit: string; events: string; peak: string };
}

const VERSIONS: readonly Version[] = [
  {
    root: "/sys/fs/cgroup/memory",
    pattern: /^\d+:(?:.*,)?memory(?:,.*)?:(.*)$/m,
    files: {
      limit: "memory.limit_in_bytes",
      events: "memory.oom_control",
      peak: "memory.max_usage_in_bytes",
    },
  },
  {
    root: "/sys/fs/cgroup",
    pattern: /^0::(.*)$/m,
    files: { limit: "memory.max", events: "memory.events", peak: "memory.peak" },
  },
];

let made = 0;

/** @returns the group, or why there is none */
export function makeMemoryGroup(limitBytes: number): MemoryGroup | string {
  const reasons: string[] = [];
  for (const version of VERSIONS) {
    try {
      return groupOf(version, limitBytes);
    } catch (error) {
      reasons.push((error as Error).message);
    }
  }
  return reasons.join("; ");
}

function groupOf({ root, pattern, files }: Version, limitBytes: number): MemoryGroup {
  const own = pattern.exec(readFileSync("/proc/self/cgroup", "utf8"))?.[1];
  if (own === undefined) throw new Error(`no cgroup below ${root}`);
  const folder = join(root, own, `flame-attacked-${process.pid}-${made++}`);
  mkdirSync(folder);
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  const group = {
    joinFile: join(folder, "cgroup.procs"),
    kills: () => Number(/oom_kill (\d+)/.exec(read(files.events))?.[1] ?? 0),
    peakBytes: () => Number(read(files.peak)),
    remove: () => rmdirSync(folder),
  };
  try {
    // Only what the kernel has put there: below other file systems a folder is a folder.
    writeFileSync(join(folder, files.limit), String(limitBytes), { flag: "r+" });
  } catch (error) {
    group.remove();
    throw error;
  }
  return group;
}
