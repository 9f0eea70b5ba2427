/**
 * Watches files by their facts, by default once per second.
 *
 * Editors and Kubernetes replace files and symbolic links instead of writing into them, which
 * watchers of inodes and of directories miss. The facts are those of the file behind all links. A
 * change is reported when all files have stayed the same until the next look: one may still be being
 * written. So a change is reported within two looks.
 */
import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { LIMITS } from "../limits.ts";

const BIGINT = { bigint: true } as const;

export class WatchedFile {
  readonly #paths: readonly string[];
  readonly #onChange: () => void;
  readonly #pollMs: number;
  /** The facts that were last reported, or of the beginning. */
  #reported: string;
  #latest: string;
  #timer: NodeJS.Timeout | undefined;

  /** Compares with the files as they are at this moment. */
  constructor(path: string | readonly string[], onChange: () => void, pollMs: number = LIMITS.accessPollMs) {
    this.#paths = typeof path === "string" ? [path] : path;
    this.#onChange = onChange;
    this.#pollMs = pollMs;
    this.#reported = this.#paths.map((each) => factsOf(() => statSync(each, BIGINT))).join(", ");
    this.#latest = this.#reported;
  }

  start(): void {
    this.#timer = setTimeout(() => void this.#look(), this.#pollMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  async #look(): Promise<void> {
    const looks = this.#paths.map((path) => stat(path, BIGINT).then(formatFacts, () => MISSING));
    const facts = (await Promise.all(looks)).join(", ");
    if (this.#timer === undefined) return;
    const isQuiet = facts === this.#latest;
    this.#latest = facts;
    if (isQuiet && facts !== this.#reported) {
      this.#reported = facts;
      this.#onChange();
    }
    this.start();
  }
}

const MISSING = "missing";

function factsOf(look: () => BigIntStats): string {
  try {
    return formatFacts(look());
  } catch {
    return MISSING;
  }
}

function formatFacts({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}
