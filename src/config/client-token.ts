/**
 * The token that a client sends with each call: a fixed one, or the content of a file.
 *
 * The file is read again when it changes, so that a rotated token is used without a restart. While
 * it is missing, empty or wrong, the last good token is used, because a rotation may leave such a
 * gap. No error, log line or inspection of these objects contains a token.
 * Cost: one stat of the file per call.
 */
import { closeSync, fstatSync, openSync, readSync, statSync } from "node:fs";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { logFor } from "../log.ts";
import { type Warn, warnOnce } from "./warn-once.ts";

export interface ClientToken {
  /** Where it comes from, for messages: `FLAME_CACHE_TOKEN`, `--token-file`, `flame.yaml:7`. */
  readonly source: string;
  /** The token for the next call. */
  current(): string;
}

const log = logFor("client");
const VISIBLE = /^[\x21-\x7e]+$/;
/** A file that changed this recently may change again without a new modification time. */
const SETTLED_MS = 1_000;
const OTHERS_MAY_READ = 0o004;

/** @throws {CacheError} INVALID_CONFIG, without the token */
export function fixedToken(text: string, source: string): ClientToken {
  return new FixedToken(checkedToken(text.trim(), "token", source), source);
}

/** @throws {CacheError} INVALID_CONFIG if the file cannot be read or has no token */
export function fileToken(path: string, source: string, warn: Warn): ClientToken {
  return new FileToken(path, source, warn);
}

class FixedToken implements ClientToken {
  readonly source: string;
  readonly #text: string;

  constructor(text: string, source: string) {
    this.#text = text;
    this.source = source;
  }

  current(): string {
    return this.#text;
  }
}

class FileToken implements ClientToken {
  readonly source: string;
  readonly #path: string;
  #content: SecretContent;
  #isStale = false;

  constructor(path: string, source: string, warn: Warn) {
    this.#path = path;
    this.source = source;
    try {
      this.#content = readToken(path, source);
    } catch (error) {
      throw unreadable(path, source, error);
    }
    warnOfReaders(path, this.#content.mode, warn);
  }

  current(): string {
    try {
      if (this.#content.isFinal || stampOf(this.#path) === this.#content.stamp) return this.#content.text;
      this.#content = readToken(this.#path, this.source);
      this.#isStale = false;
    } catch (error) {
      if (!this.#isStale) {
        log.warn("token file cannot be read, the last token is used", {
          path: this.#path,
          reason: reasonOf(error),
        });
      }
      this.#isStale = true;
    }
    return this.#content.text;
  }
}

interface SecretContent {
  readonly text: string;
  /** Identifies the file's state; undefined if the file may still change within one time stamp. */
  readonly stamp: string | undefined;
  readonly mode: number;
  /** True for a pipe, which can be read only once. */
  readonly isFinal: boolean;
}

function readToken(path: string, source: string): SecretContent {
  const file = openSync(path, "r");
  try {
    const status = fstatSync(file, { bigint: true });
    const text = checkedToken(readAtMost(file, LIMITS.tokenBytesMax + 2).trim(), "token_file", source);
    const ageMs = Date.now() - Number(status.mtimeMs);
    return {
      text,
      stamp: ageMs > SETTLED_MS ? formatStamp(status) : undefined,
      mode: Number(status.mode),
      isFinal: !status.isFile(),
    };
  } finally {
    closeSync(file);
  }
}

function readAtMost(file: number, sizeBytes: number): string {
  const buffer = Buffer.alloc(sizeBytes);
  let length = 0;
  while (length < sizeBytes) {
    const read = readSync(file, buffer, length, sizeBytes - length, null);
    if (read === 0) break;
    length += read;
  }
  return buffer.toString("latin1", 0, length);
}

type Stamped = {
  readonly dev: bigint;
  readonly ino: bigint;
  readonly size: bigint;
  readonly mtimeNs: bigint;
};

function stampOf(path: string): string {
  return formatStamp(statSync(path, { bigint: true }));
}

function formatStamp({ dev, ino, size, mtimeNs }: Stamped): string {
  return `${dev}:${ino}:${size}:${mtimeNs}`;
}

function checkedToken(text: string, key: string, source: string): string {
  if (text.length <= LIMITS.tokenBytesMax && VISIBLE.test(text)) return text;
  const reason = `must be 1 to ${LIMITS.tokenBytesMax} visible ASCII characters`;
  throw new CacheError("INVALID_CONFIG", `cache.${key}: a token ${reason} (${source})`, {
    facts: { key: `cache.${key}`, source },
  });
}

function unreadable(path: string, source: string, error: unknown): CacheError {
  if (error instanceof CacheError) return error;
  const text = `cache.token_file cannot be read: got ${JSON.stringify(path)}, ${reasonOf(error)} (${source})`;
  return new CacheError("INVALID_CONFIG", text, { facts: { key: "cache.token_file", value: path, source } });
}

function reasonOf(error: unknown): string {
  if (error instanceof CacheError) return error.message;
  return error instanceof Error && "code" in error ? String(error.code) : "unknown reason";
}

/** Warns once about a secret file that every user of this host can read. */
export function warnOfReaders(path: string, mode: number, warn: Warn): void {
  if (process.platform === "win32" || (mode & OTHERS_MAY_READ) === 0) return;
  warnOnce(`${path} contains a secret and every user of this host can read it: chmod o-r ${path}`, warn);
}
