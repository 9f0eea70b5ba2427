/**
 * Runs a built stage as a container runs: process 1 of its own namespaces, as the image's user without capabilities, over a
 * read-only root file system, with a loopback interface of its own and one volume.
 *
 * `exec` is `docker exec`, `stop` is `docker stop`: the stop signal, and SIGKILL after the grace period.
 */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ImageConfig } from "./dockerfile.ts";
import { BASE_PATH, type ImageRoot, mountScript } from "./image-root.ts";

const WAIT_MS = 60_000;

export interface ContainerOptions {
  readonly image: ImageRoot;
  readonly config: ImageConfig;
  /** Where the image's volume is on this machine. */
  readonly volume: string;
  /** Instead of the image's command. */
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Files and folders of this machine by their paths in the container, read-only. */
  readonly files?: Readonly<Record<string, string>>;
}

export interface ExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export class Container {
  stdout = "";
  stderr = "";
  /** The exit code of process 1; 128 plus the number of a signal that ended it. */
  readonly ended: Promise<number>;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #options: ContainerOptions;

  constructor(options: ContainerOptions) {
    this.#options = options;
    const { config, command = config.command } = options;
    const words = [...config.entrypoint, ...command];
    const args = [
      "--mount",
      "--pid",
      "--net",
      "--fork",
      "--kill-child",
      "sh",
      "-ec",
      startScript(options),
      "sh",
    ];
    this.#child = spawn("unshare", [...args, ...words], { stdio: "pipe", env: { PATH: BASE_PATH } });
    this.#child.stdout.setEncoding("utf8").on("data", (text: string) => {
      this.stdout += text;
    });
    this.#child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.stderr += text;
    });
    this.ended = once(this.#child, "close").then(([code]) => code as number);
  }

  /** Waits until a stream has what the pattern matches. @throws if the container ends before. */
  async wrote(stream: "stdout" | "stderr", pattern: RegExp): Promise<void> {
    const deadline = AbortSignal.timeout(WAIT_MS);
    while (!pattern.test(this[stream])) {
      const next = once(this.#child[stream], "data", { signal: deadline }).then(() => true);
      const isAlive = await Promise.race([next, this.ended.then(() => false)]);
      if (!isAlive) throw new Error(`ended without ${pattern}: ${this.stdout}\n${this.stderr}`);
    }
  }

  /** Runs a command beside process 1, as the same user. */
  async exec(
    command: readonly string[],
    environment: Readonly<Record<string, string>> = {},
  ): Promise<ExecResult> {
    const { config } = this.#options;
    const enter = ["--target", `${this.#pid}`, "--mount", "--pid", "--net", "--root"];
    const env = environmentOf(this.#options, environment);
    const args = [
      ...enter,
      ...asUser(config),
      "env",
      "-i",
      `--chdir=${config.directory}`,
      ...env,
      ...command,
    ];
    return await promisify(execFile)("nsenter", args, { cwd: "/", env: { PATH: BASE_PATH } }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      ({ code, stdout, stderr }: ExecResult) => ({ code, stdout, stderr }),
    );
  }

  /** @returns the exit code: 137 if it had to be killed. */
  async stop(graceMs: number): Promise<number> {
    process.kill(this.#pid, this.#options.config.stopSignal as NodeJS.Signals);
    const deadline = setTimeout(() => process.kill(this.#pid, "SIGKILL"), graceMs);
    try {
      return await this.ended;
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Process 1 itself: the kernel would not end it with unshare, because it changed its user. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) process.kill(this.#pid, "SIGKILL");
    await this.ended;
  }

  /** Process 1 as this machine numbers it: the only child of unshare. @throws if there is none. */
  get #pid(): number {
    const parent = this.#child.pid;
    const pid = Number(fs.readFileSync(`/proc/${parent}/task/${parent}/children`, "utf8").trim());
    // Signals to 0 would reach the tests themselves.
    assert(pid > 1, "the container has no process");
    return pid;
  }
}

function startScript(options: ContainerOptions): string {
  const { image, config, volume, files = {} } = options;
  const mounts = Object.entries(files).map(([path, file]) => {
    const target = join(image.root, path);
    // As an engine does it: what is mounted over need not be in the image.
    if (fs.statSync(file).isDirectory()) fs.mkdirSync(target, { recursive: true });
    return `mount --bind "${file}" "${target}" && mount -o remount,ro,bind "${target}"`;
  });
  const place = config.volumes[0];
  return [
    "ip link set lo up",
    mountScript(image, { isReadOnly: true }),
    `mount --bind "${volume}" "${image.root}${place}"`,
    ...mounts,
    `exec chroot "${image.root}" ${asUser(config).join(" ")} env -i ${environmentOf(options).map(quoted).join(" ")} \\`,
    `  sh -c 'cd "$0" && exec "$@"' ${config.directory} "$@"`,
  ].join("\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function asUser({ user }: ImageConfig): string[] {
  const [uid, gid] = user.split(":");
  const drop = ["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"];
  return ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", ...drop];
}

function environmentOf({ config, environment = {} }: ContainerOptions, more: object = {}): string[] {
  const home = config.volumes[0] ?? "/";
  const all = { PATH: BASE_PATH, HOME: home, ...config.environment, ...environment, ...more };
  return Object.entries(all).map(([name, value]) => `${name}=${value}`);
}
