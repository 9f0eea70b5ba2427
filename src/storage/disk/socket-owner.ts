/**
 * Finds the process that holds a listening socket, for the error of a start on a port or storage
 * directory in use.
 *
 * Reads Linux's /proc: the socket's inode from /proc/net, then the descriptors of every process. On
 * other systems, and for processes of other users or containers, there is no answer. Runs only
 * after a failed start, and checks a limited number of files. Source: proc(5), /proc/net/tcp,
 * /proc/net/unix, /proc/PID/fd.
 */
import fs from "node:fs";
import { LIMITS } from "../../limits.ts";

/** State LISTEN in /proc/net/tcp. */
const TCP_LISTEN = "0A";

/** The process that listens on a TCP port on any address; undefined if unknown. */
export function ownerOfPort(port: number): number | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const table of ["tcp", "tcp6"]) {
    for (const fields of rowsOf(table)) {
      const [, local, , state] = fields;
      if (state === TCP_LISTEN && local?.endsWith(suffix)) return ownerOfSocket(fields[9]);
    }
  }
  return undefined;
}

/**
 * The process that listens on an abstract unix socket. @param name without its leading and padding
 * zero bytes
 */
export function ownerOfAbstractName(name: string): number | undefined {
  return ownerOfSocket(rowsOf("unix").find((fields) => fields[7]?.replace(/@+$/, "") === `@${name}`)?.[6]);
}

/** `process 4711`, `this process`, or `another process` if the pid is unknown. */
export function describeOwner(pid: number | undefined): string {
  if (pid === undefined) return "another process";
  return pid === process.pid ? "this process" : `process ${pid}`;
}

function rowsOf(table: string): string[][] {
  try {
    const text = fs.readFileSync(`/proc/net/${table}`, "utf8");
    return text.split("\n").map((line) => line.trim().split(/\s+/));
  } catch {
    return [];
  }
}

function ownerOfSocket(inode: string | undefined): number | undefined {
  if (inode === undefined) return undefined;
  const target = `socket:[${inode}]`;
  let left: number = LIMITS.ownerSearchFilesMax;
  for (const pid of namesIn("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    for (const fd of namesIn(`/proc/${pid}/fd`)) {
      if (left-- <= 0) return undefined;
      if (linkAt(`/proc/${pid}/fd/${fd}`) === target) return Number(pid);
    }
  }
  return undefined;
}

/** Empty if the process has ended or belongs to another user. */
function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

function linkAt(path: string): string | undefined {
  try {
    return fs.readlinkSync(path);
  } catch {
    return undefined;
  }
}
