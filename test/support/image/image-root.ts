/**
 * Builds the stages of a Dockerfile without a container engine: each stage is a directory, and RUN runs in it as its root.
 *
 *     STAGE/root    everything but /usr: of the base, a few files of /etc; then what WORKDIR, COPY and RUN made
 *     STAGE/usr     what was written to /usr, as the upper layer of an overlay over this machine's /usr
 *
 * This machine's /usr, with the Node that runs the tests at /usr/local/bin/node, stands for the base image. A real build has
 * another Node and another Debian. Needs root, namespaces and overlayfs: see `imageAbsence`.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { copyBuildContext } from "./build-context.ts";
import { type Instruction, parseCopy, parseDockerfile, type Stage } from "./dockerfile.ts";

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const STEP_MS = 240_000;
const BASE_LINKS = ["bin", "sbin", "lib", "lib64"];
const BASE_DIRECTORIES = ["usr", "dev", "proc", "opt", "var/lib", "root", "run"];
/** For users, names of hosts and certificates. */
const BASE_FILES = [
  ..."group gshadow hosts ld.so.cache login.defs nsswitch.conf passwd resolv.conf shadow".split(" "),
  "ssl/certs/ca-certificates.crt",
];
export const BASE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A built stage. */
export interface ImageRoot {
  readonly root: string;
  readonly usr: string;
  /** Of the last WORKDIR. */
  directory: string;
}

/** Why no image can be built here; undefined if one can. */
export function imageAbsence(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "it needs Linux and root";
  if (!fs.existsSync("/usr/bin/npm")) return "there is no npm in /usr/bin";
  const probe =
    "mount -t tmpfs tmpfs /mnt && mkdir /mnt/u /mnt/w /mnt/m && ip link set lo up && setpriv --version && ";
  const overlay = "mount -t overlay overlay -o lowerdir=/usr,upperdir=/mnt/u,workdir=/mnt/w /mnt/m";
  try {
    execFileSync("unshare", ["--mount", "--pid", "--net", "--fork", "sh", "-c", probe + overlay], {
      stdio: "pipe",
    });
    return undefined;
  } catch (error) {
    return (error as Error).message.trim().split("\n").at(-1);
  }
}

/** Builds all stages below `directory`. @returns them by name. */
export function buildImage(directory: string): Map<string, ImageRoot> {
  const context = join(directory, "context");
  copyBuildContext(ROOT, context);
  const built = new Map<string, ImageRoot>();
  for (const stage of parseDockerfile(fs.readFileSync(join(ROOT, "Dockerfile"), "utf8"))) {
    const target = stageFrom(built.get(stage.from), join(directory, stage.name));
    built.set(stage.name, target);
    for (const instruction of stage.instructions) carryOut(instruction, { stage, target, built, context });
  }
  return built;
}

function stageFrom(parent: ImageRoot | undefined, directory: string): ImageRoot {
  const target = {
    root: join(directory, "root"),
    usr: join(directory, "usr"),
    directory: parent?.directory ?? "/",
  };
  fs.mkdirSync(directory, { recursive: true });
  if (parent !== undefined) {
    execFileSync("cp", ["-a", parent.root, parent.usr, directory]);
    return target;
  }
  for (const name of BASE_DIRECTORIES) fs.mkdirSync(join(target.root, name), { recursive: true });
  for (const name of BASE_LINKS) fs.symlinkSync(`usr/${name}`, join(target.root, name));
  fs.mkdirSync(join(target.root, "tmp"), { mode: 0o1777 });
  for (const name of BASE_FILES) {
    const copy = join(target.root, "etc", name);
    fs.mkdirSync(dirname(copy), { recursive: true });
    if (fs.existsSync(`/etc/${name}`)) fs.copyFileSync(`/etc/${name}`, copy);
  }
  fs.mkdirSync(join(target.usr, "local/bin"), { recursive: true });
  fs.writeFileSync(join(target.usr, "local/bin/node"), "", { mode: 0o755 });
  return target;
}

interface StepContext {
  readonly stage: Stage;
  readonly target: ImageRoot;
  readonly built: ReadonlyMap<string, ImageRoot>;
  readonly context: string;
}

function carryOut({ name, text }: Instruction, step: StepContext): void {
  const { root } = step.target;
  if (name === "WORKDIR") {
    step.target.directory = text;
    fs.mkdirSync(join(root, text), { recursive: true });
  }
  if (name === "RUN") runStep(text, step);
  if (name !== "COPY") return;
  const { from, sources, target } = parseCopy(text);
  const origin = from === undefined ? step.context : (step.built.get(from)?.root ?? fail(`no stage ${from}`));
  const place = target.startsWith("/") ? join(root, target) : join(root, step.target.directory, target);
  for (const source of sources) {
    const path = join(origin, source);
    // Docker copies a folder's content, and a file into a folder if the target ends with a slash.
    const copy =
      fs.statSync(path).isDirectory() || !target.endsWith("/") ? place : join(place, basename(source));
    fs.mkdirSync(dirname(copy), { recursive: true });
    fs.cpSync(path, copy, { recursive: true, verbatimSymlinks: true });
  }
}

function runStep(text: string, step: StepContext): void {
  const cache = execFileSync("npm", ["config", "get", "cache"], { encoding: "utf8" }).trim();
  fs.mkdirSync(join(step.target.root, "run/npm"), { recursive: true });
  const script = [
    mountScript(step.target, { isReadOnly: false }),
    `mount --bind "${cache}" "${step.target.root}/run/npm"`,
    `exec chroot "${step.target.root}" /bin/sh -ec 'cd "$0"; eval "$1"' "$STEP_DIRECTORY" "$STEP"`,
  ].join("\n");
  const env = {
    PATH: BASE_PATH,
    STEP: text,
    STEP_DIRECTORY: step.target.directory,
    HOME: "/root",
    npm_config_cache: "/run/npm",
    npm_config_prefer_offline: "true",
  };
  const args = ["--mount", "--pid", "--fork", "--kill-child", "sh", "-ec", script];
  try {
    execFileSync("unshare", args, { env, stdio: "pipe", encoding: "utf8", timeout: STEP_MS });
  } catch (error) {
    const { stdout, stderr } = error as { stdout?: string; stderr?: string };
    throw new Error(`RUN ${text} failed in stage ${step.stage.name}:\n${stdout}\n${stderr}`);
  }
}

/** Shell lines that mount a stage, in a mount namespace of its own. */
export function mountScript({ root, usr }: ImageRoot, { isReadOnly }: { isReadOnly: boolean }): string {
  const layers = isReadOnly ? `ro,lowerdir=${usr}:/usr` : `lowerdir=/usr,upperdir=${usr},workdir=${usr}.work`;
  const devices = ["null", "zero", "full", "random", "urandom"];
  return [
    `mount --bind "${root}" "${root}"`,
    ...(isReadOnly ? [] : [`mkdir -p "${usr}.work"`]),
    `mount -t overlay overlay -o "${layers}" "${root}/usr"`,
    `mount --bind "${process.execPath}" "${root}/usr/local/bin/node"`,
    `mount -t proc proc "${root}/proc"`,
    `mount -t tmpfs -o mode=755 tmpfs "${root}/dev"`,
    ...devices.map((name) => `touch "${root}/dev/${name}"; mount --bind /dev/${name} "${root}/dev/${name}"`),
    ...(isReadOnly ? [`mount -o remount,ro,bind "${root}"`, `mount -o remount,ro "${root}/dev"`] : []),
  ].join("\n");
}

function fail(text: string): never {
  throw new Error(text);
}
