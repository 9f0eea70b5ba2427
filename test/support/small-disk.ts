/**
 * File systems so small that a test can fill them: tmpfs, and ext4 in a file over a loop device. Needs root and `mount`.
 *
 * Where one cannot be mounted its tests are skipped and the reason is told; tmpfs must be there where CI=true.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { onTestFinished } from "vitest";
import { temporaryDirectory } from "./temporary-directory.ts";

/** `bytes` or `inodes` are what it has few of. */
export interface SmallDisk {
  readonly name: string;
  readonly fewest: "bytes" | "inodes";
  /** Mounts it. @param image a file that may be made for it. */
  mount(target: string, image: string): void;
}

const MIB = 1024 ** 2;
export const DISK_BYTES: number = 64 * MIB;
const INODES = 200;

export const SMALL_DISKS: readonly SmallDisk[] = [
  { name: "tmpfs", fewest: "bytes", mount: (target) => tmpfs(target, `size=${DISK_BYTES}`) },
  {
    name: "tmpfs of few inodes",
    fewest: "inodes",
    mount: (target) => tmpfs(target, `size=${DISK_BYTES},nr_inodes=${INODES}`),
  },
  { name: "ext4", fewest: "bytes", mount: (target, image) => ext4(target, image, []) },
  {
    name: "ext4 of few inodes",
    fewest: "inodes",
    mount: (target, image) => ext4(target, image, ["-N", `${INODES}`]),
  },
];

function tmpfs(target: string, options: string): void {
  run("mount", ["-t", "tmpfs", "-o", options, "tmpfs", target]);
}

/** Nothing is kept for root; a journal as any other has. */
function ext4(target: string, image: string, options: readonly string[]): void {
  fs.closeSync(fs.openSync(image, "w"));
  fs.truncateSync(image, DISK_BYTES);
  run("mkfs.ext4", ["-q", "-m", "0", ...options, image]);
  run("mount", ["-o", "loop", image, target]);
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: ["ignore", "pipe", "pipe"] });
}

/** A directory on a new disk of this kind; `unmount` may be called more than once. */
function mounted(disk: SmallDisk): { readonly path: string; readonly unmount: () => void } {
  const { path, remove } = temporaryDirectory("small-disk");
  const target = `${path}/disk`;
  fs.mkdirSync(target);
  let isMounted = false;
  const unmount = (): void => {
    if (isMounted) run("umount", [target]);
    isMounted = false;
    remove();
  };
  try {
    disk.mount(target, `${path}/image`);
    isMounted = true;
  } catch (error) {
    unmount();
    throw error;
  }
  return { path: target, unmount };
}

/** Why a disk of this kind cannot be had here; undefined when it can. */
export function absenceOf(disk: SmallDisk): string | undefined {
  try {
    mounted(disk).unmount();
    return undefined;
  } catch (error) {
    return (error as Error).message.trim().split("\n").at(-1);
  }
}

/** Says loudly what is not tested here. */
export function tellMissingDisks(missing: ReadonlyMap<SmallDisk, string>): void {
  for (const [{ name }, reason] of missing) {
    const line = "!".repeat(80);
    process.stdout.write(`\n${line}\nfull disk: NOT TESTED ON ${name}: ${reason}\n${line}\n`);
  }
}

/** Those that can be mounted, and those that cannot, with the reason. */
export function smallDisks(): {
  readonly here: readonly SmallDisk[];
  readonly missing: Map<SmallDisk, string>;
} {
  const missing = new Map<SmallDisk, string>();
  for (const disk of SMALL_DISKS) {
    const absence = absenceOf(disk);
    if (absence !== undefined) missing.set(disk, absence);
  }
  tellMissingDisks(missing);
  return { here: SMALL_DISKS.filter((disk) => !missing.has(disk)), missing };
}

/** A directory on a new disk that goes with the test; ask for it before what is to be stopped first. */
export function smallDisk(disk: SmallDisk): string {
  const { path, unmount } = mounted(disk);
  onTestFinished(unmount);
  return path;
}

/** Fills what is left with files beside the storage, down to the last byte. */
export function fillUp(directory: string, disk: SmallDisk): void {
  const ballast = `${directory}/ballast`;
  fs.mkdirSync(ballast);
  for (let number = 0; ; number += 1) {
    try {
      fillFile(`${ballast}/${number}`, disk.fewest === "bytes" ? MIB : 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOSPC") break;
      throw error;
    }
  }
}

/** Pieces that get smaller while there is no room for larger ones. */
function fillFile(path: string, pieceBytes: number): void {
  const fd = fs.openSync(path, "w");
  try {
    for (let bytes = pieceBytes; bytes >= 1; ) {
      try {
        fs.writeSync(fd, Buffer.alloc(bytes, 1));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
        if (bytes === 1) throw error;
        bytes = Math.floor(bytes / 2);
      }
    }
  } finally {
    fs.closeSync(fd);
  }
}
