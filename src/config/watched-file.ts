/**
 * Watches one file by its facts, by default once per second.
 *
 * Editors and Kubernetes replace files and symbolic links instead of writing into them, which
 * watchers of inodes and of directories miss. The facts are those of the file behind all links. A
 * change is reported when the file has stayed the same until the next look: it may still be being
 * written. So a change is reported within two looks.
 */
import { type BigIntStats, statSync } from "node:fs";
import { stat } from "node:fs/promises";
import { LIMITS } from "../limits.ts";

const BIGINT = { bigint: true } as const;

export class WatchedFile {
  readonly #path: string;
  readonly #onChange: () => void;
  readonly #pollMs: number;
  /** The facts that were last reported, or of the beginning; undefined if there was no file. */
  #reported: string | undefined;
  #latest: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** Compares with the file as it is at this moment. */
  constructor(path: string, onChange: () => void, pollMs: number = LIMITS.accessPollMs) {
    this.#path = path;
    this.#onChange = onChange;
    this.#pollMs = pollMs;
    this.#reported = factsOf(() => statSync(path, BIGINT));
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
    const found = await stat(this.#path, BIGINT).catch(() => undefined);
    if (this.#timer === undefined) return;
    const facts = found && formatFacts(found);
    const isQuiet = facts === this.#latest;
    this.#latest = facts;
    if (isQuiet && facts !== this.#reported) {
      this.#reported = facts;
      this.#onChange();
    }
    this.start();
  }
}

function factsOf(look: () => BigIntStats): string | undefined {
  try {
    return formatFacts(look());
  } catch {
    return undefined;
  }
}

function formatFacts({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs, ctimeNs].join(" ");
}
