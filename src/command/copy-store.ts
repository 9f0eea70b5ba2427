/**
 * `copy-store FROM TO`: copies all objects of a storage directory to a bucket, or back, with their
 * versions.
 *
 * Prints one line per object that was not copied on standard output, and the counts on standard
 * error; with `--json`, lines of JSON, the counts last. A run that was ended is continued by the
 * same command.
 */

import type { StorageConfig } from "../config/cache-config.ts";
import { loadStorageConfig } from "../config/load-cache-config.ts";
import { formatStorage } from "../config/storage-location.ts";
import { startLog } from "../log.ts";
import { escapeInvisible } from "../log-format.ts";
import type { CopyCounts, CopySummary, CopyWatch } from "../service/copy-stores.ts";
import { isStorageDirectory } from "../storage/disk/disk-survey.ts";
import type { ExitName } from "./exit-codes.ts";
import { VerbError } from "./failure.ts";
import { jsonLine } from "./json-line.ts";
import type { Progress } from "./progress.ts";
import { formatCount } from "./quantities.ts";
import type { VerbRun } from "./verb.ts";

export interface CopyStoreOptions {
  readonly config?: string;
  readonly json?: boolean;
}

export async function copyStore(
  [fromText, toText]: readonly [from: string, to: string],
  options: CopyStoreOptions,
  run: VerbRun,
): Promise<ExitName> {
  const { env, copyStores } = run.context;
  const load = (storage: string) =>
    loadStorageConfig({ storage, configFile: options.config, ...(env && { env }) });
  const [{ storage: from }, { storage: to, durability }] = [load(fromText), load(toText)];
  checkPlaces(from, to);
  const stream = run.context.stderr;
  startLog({ directives: [{ target: undefined, level: "warn" }], format: "auto", stream });
  const seen = new SeenCopies(run, options.json === true);
  try {
    const done = await run.withProgress({ label: "copy-store", unit: "objects" }, (progress) =>
      copyStores({ from, to, durability }, seen.watch(progress)),
    );
    await seen.printed;
    if (options.json === true) await run.print(jsonLine(done));
    else run.note(describeDone(done, to));
    return outcomeOf(done);
  } catch (error) {
    await seen.printed.catch(() => {});
    if (seen.counts !== undefined) run.note(`${describe(seen.counts)}; the same command continues the copy`);
    throw error;
  }
}

/** Prints problems as they come, and remembers the counts. */
class SeenCopies {
  counts: CopyCounts | undefined;
  /** The last line. If the reader of the stream is gone, it fails, as all lines do. */
  printed: Promise<void> = Promise.resolve();
  readonly #run: VerbRun;
  readonly #isJson: boolean;

  constructor(run: VerbRun, isJson: boolean) {
    this.#run = run;
    this.#isJson = isJson;
  }

  watch(progress: Progress): CopyWatch {
    return {
      signal: this.#run.signal,
      onProblem: (problem) => {
        const { name, reason } = problem;
        const line = this.#isJson ? jsonLine(problem) : `${escapeInvisible(`${name}: ${reason}`)}\n`;
        this.printed = this.#run.print(line);
        this.printed.catch(() => {});
      },
      onProgress: (now) => {
        this.counts = { ...now };
        progress.add(1);
      },
    };
  }
}

/** @throws {VerbError} usage, noInput */
function checkPlaces(from: StorageConfig, to: StorageConfig): void {
  if (from.kind === "none" || to.kind === "none")
    throw new VerbError(
      "usage",
      "objects of storage none end with their server: name a directory or a bucket",
    );
  const [source, target] = [formatStorage(from), formatStorage(to)];
  if (`${source}/`.startsWith(`${target}/`) || `${target}/`.startsWith(`${source}/`))
    throw new VerbError("usage", `one store lies inside the other: ${source} and ${target}`);
  if (from.kind === "files" && !isStorageDirectory(from.directory))
    throw new VerbError(
      "noInput",
      `${from.directory} is not a storage directory; give the directory of --storage`,
    );
}

function describe({ copied, same, newer, damaged, refused }: CopyCounts): string {
  const others = [
    [same, "already there"],
    [newer, "later in the target and left alone"],
    [damaged, "damaged"],
    [refused, "refused"],
  ] as const;
  const more = others.filter(([count]) => count > 0).map(([count, what]) => `, ${count} ${what}`);
  return `copied ${formatCount(copied, "object")}${more.join("")}`;
}

function describeDone(done: CopySummary, to: StorageConfig): string {
  const left = [
    ...(done.pinsLeft > 0 ? [formatCount(done.pinsLeft, "pin")] : []),
    ...(done.rulesLeft > 0 ? [`${formatCount(done.rulesLeft, "rule")} of times to live`] : []),
  ];
  const text = `${describe(done)} to ${formatStorage(to)}`;
  return left.length === 0 ? text : `${text}\nnot copied, because a bucket holds none: ${left.join(", ")}`;
}

function outcomeOf({ damaged, refused }: CopyCounts): ExitName {
  if (damaged > 0) return "damaged";
  return refused > 0 ? "dataError" : "ok";
}
