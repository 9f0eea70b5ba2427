/**
 * `.retention`: facts about objects that change while their files do not, one line each, appended and never rewritten in place.
 *
 *     CRC-32 of what follows the space, 8 hex digits | space | the record, without a line feed | line feed
 *
 * Appends that come while one write is under way share the next. A last line without its line feed was being written when
 * the process died: nobody was told of it, and it is cut off. A line whose sum is wrong is logged and passed over.
 * Rewriting is write aside, sync, then rename, so a crash leaves the old records or the new ones. An append is synced when one
 * of those who share it asks for `power-loss`.
 */
import fs from "node:fs";
import { crc32 } from "node:zlib";
import { assert } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { Durability, RecordJournal } from "../object-storage.ts";
import { diskFailure, errnoOf } from "./disk-failure.ts";
import type { DiskTools } from "./disk-tools.ts";
import { RETENTION_FILE, STAGING_DIRECTORY } from "./file-names.ts";

const log = logFor("storage");

const SUM_LETTERS = 8;
/** Lines of a rewrite that go out in one write. */
const LINES_PER_WRITE = 1024;
const LINE_FEED = 0x0a;

interface WaitingAppend {
  readonly line: string;
  readonly durability: Durability;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

export class DiskJournal implements RecordJournal {
  readonly #tools: DiskTools;
  readonly #path: string;
  #fd: number | undefined;
  /** True when the file's name is known to last. */
  #isInDirectory = false;
  /** Where the next line goes: behind the last whole one. */
  #sizeBytes = 0;
  #waiting: WaitingAppend[] = [];
  /** Writes and rewrites, one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(tools: DiskTools) {
    this.#tools = tools;
    this.#path = `${tools.root}/${RETENTION_FILE}`;
  }

  /** Reads in pieces, so that a long journal does not block other work. */
  async *read(): AsyncGenerator<string> {
    this.#sizeBytes = 0;
    let damaged = 0;
    for await (const { text, endBytes } of wholeLines(this.#path)) {
      this.#sizeBytes = endBytes;
      const record = text.slice(SUM_LETTERS + 1);
      if (formatLine(record) === `${text}\n`) yield record;
      else damaged += 1;
    }
    if (damaged > 0) log.error("damaged lines passed over", { path: RETENTION_FILE, lines: damaged });
  }

  append(record: string, durability: Durability): Promise<void> {
    assert(!record.includes("\n"), "a record is one line");
    const line = formatLine(record);
    return new Promise((done, failed) => {
      this.#waiting.push({ line, durability, done, failed });
      if (this.#waiting.length === 1) this.#work = this.#work.then(() => this.#writeWaiting());
    });
  }

  rewrite(records: Iterable<string>): Promise<void> {
    const rewritten = this.#work.then(() => this.#rewrite(records));
    this.#work = rewritten.catch(() => {});
    return rewritten;
  }

  /** Waits for what is under way and closes the file. */
  async close(): Promise<void> {
    await this.#work;
    if (this.#fd !== undefined) fs.closeSync(this.#fd);
    this.#fd = undefined;
  }

  async #writeWaiting(): Promise<void> {
    const appends = this.#waiting;
    this.#waiting = [];
    const bytes = Buffer.from(appends.map(({ line }) => line).join(""));
    try {
      const fd = await this.#opened();
      await this.#tools.steps.appendJournal(fd, bytes, this.#sizeBytes);
      if (appends.some(({ durability }) => durability === "power-loss")) await this.#sync(fd);
      this.#sizeBytes += bytes.length;
      for (const { done } of appends) done();
    } catch (error) {
      const failure = diskFailure(error, RETENTION_FILE);
      for (const { failed } of appends) failed(failure);
    }
  }

  /** The first time also the directory, in which the file may be new. */
  async #sync(fd: number): Promise<void> {
    await this.#tools.steps.syncJournal(fd);
    if (this.#isInDirectory) return;
    await this.#tools.steps.syncDirectory(this.#tools.root);
    this.#isInDirectory = true;
  }

  /** What lies behind the last whole line is cut off, so that nothing is ever appended to half a line. */
  async #opened(): Promise<number> {
    if (this.#fd !== undefined) return this.#fd;
    const { O_RDWR, O_CREAT, O_NOFOLLOW } = fs.constants;
    const fd = fs.openSync(this.#path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o666);
    fs.ftruncateSync(fd, this.#sizeBytes);
    this.#fd = fd;
    return fd;
  }

  async #rewrite(records: Iterable<string>): Promise<void> {
    const { root, steps } = this.#tools;
    const aside = `${root}/${STAGING_DIRECTORY}/retention`;
    try {
      const file = await fs.promises.open(aside, "w");
      let sizeBytes = 0;
      try {
        for (const bytes of inPieces(records)) {
          await steps.appendJournal(file.fd, bytes, sizeBytes);
          sizeBytes += bytes.length;
        }
        await steps.syncJournal(file.fd);
      } finally {
        await file.close();
      }
      await steps.renameJournal(aside, this.#path);
      await steps.syncDirectory(root);
      if (this.#fd !== undefined) fs.closeSync(this.#fd);
      this.#fd = undefined;
      this.#sizeBytes = sizeBytes;
    } catch (error) {
      throw diskFailure(error, RETENTION_FILE);
    }
  }
}

function formatLine(record: string): string {
  return `${crc32(record).toString(16).padStart(SUM_LETTERS, "0")} ${record}\n`;
}

function* inPieces(records: Iterable<string>): Generator<Buffer> {
  let lines: string[] = [];
  for (const record of records) {
    lines.push(formatLine(record));
    if (lines.length < LINES_PER_WRITE) continue;
    yield Buffer.from(lines.join(""));
    lines = [];
  }
  yield Buffer.from(lines.join(""));
}

/** Each line that has its line feed, and where it ends; of one that is too long the start. None when there is no file. */
async function* wholeLines(path: string): AsyncGenerator<{ text: string; endBytes: number }> {
  const file = await openForReading(path);
  if (file === undefined) return;
  let rest = NO_BYTES;
  let endBytes = 0;
  for await (const chunk of file.createReadStream() as AsyncIterable<Buffer>) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, start)) {
      const line = joined(rest, chunk.subarray(start, end));
      rest = NO_BYTES;
      yield { text: line.toString("utf8"), endBytes: endBytes + end + 1 };
      start = end + 1;
    }
    rest = joined(rest, chunk.subarray(start));
    endBytes += chunk.length;
  }
}

const NO_BYTES: Buffer = Buffer.alloc(0);

/** No record of ours is longer than the limit: what is, is damaged and only has to be passed over. */
function joined(start: Buffer, more: Buffer): Buffer {
  const bytes = start.length === 0 ? more : Buffer.concat([start, more]);
  return bytes.subarray(0, LIMITS.journalLineBytesMax);
}

async function openForReading(path: string): Promise<fs.promises.FileHandle | undefined> {
  try {
    return await fs.promises.open(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
