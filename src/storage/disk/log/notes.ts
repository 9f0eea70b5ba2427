/**
 * Facts that change while files do not, one line each: records of the log, and of `.log/notes` once
 * their segment is released.
 *
 * A line is as in summed-line.ts. After a crash a record may be in the file and in the log: the last
 * one about a name counts. Bytes behind the last line feed were never acknowledged; the
 * next lines overwrite them. A line with a wrong checksum is logged and skipped. A rewrite is write
 * aside, sync, rename, so a crash leaves the old lines or the new ones.
 */
import fs from "node:fs";
import { assert, CacheError } from "../../../errors.ts";
import { LIMITS } from "../../../limits.ts";
import { logFor } from "../../../log.ts";
import type { Durability, RecordJournal, RecordPurpose } from "../../object-storage.ts";
import { diskFailure } from "../disk-failure.ts";
import type { DiskSteps } from "../disk-steps.ts";
import { LOG_DIRECTORY, NOTES_FILE } from "../file-names.ts";
import { wholeLines } from "../read-lines.ts";
import { formatSummedLine, parseSummedLine } from "../summed-line.ts";
import { encodePlace } from "./log-record.ts";
import type { LogSegment } from "./log-segment.ts";
import type { LogSegments } from "./log-segments.ts";
import type { LogWriter } from "./log-writer.ts";

const log = logFor("storage");

/** Lines of a rewrite per write. */
const LINES_PER_WRITE = 1024;
const FLAGS =
  fs.constants.O_WRONLY | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK;

interface NotesLog {
  readonly segments: LogSegments;
  readonly writer: LogWriter;
}

export class Notes implements RecordJournal {
  readonly #log: NotesLog;
  readonly #steps: DiskSteps;
  readonly #directory: string;
  readonly #path: string;
  /** Position of the next line, behind the last complete one; undefined until it was looked for. */
  #sizeBytes: number | undefined;
  /** True if the file's name is known to be durable. */
  #isInDirectory = false;
  /** Writes and rewrites of the file, one after the other. */
  #work: Promise<void> = Promise.resolve();

  constructor(notesLog: NotesLog, root: string, steps: DiskSteps) {
    this.#log = notesLog;
    this.#steps = steps;
    this.#directory = `${root}/${LOG_DIRECTORY}`;
    this.#path = `${root}/${NOTES_FILE}`;
  }

  /** Reads in pieces, so that many lines do not block other work. */
  async *read(): AsyncGenerator<string> {
    // Before the file: the notes of a segment that is released meanwhile come twice, and are not lost.
    const recent = this.#log.segments.used.flatMap(({ notes }) => notes.map(({ text }) => text));
    let damaged = 0;
    for await (const { text } of wholeLines(this.#path, LIMITS.journalLineBytesMax)) {
      const record = parseSummedLine(text);
      if (record !== undefined) yield record;
      else damaged += 1;
    }
    if (damaged > 0) log.error("damaged lines skipped", { path: NOTES_FILE, lines: damaged });
    yield* recent;
  }

  async append(record: string, durability: Durability, purpose: RecordPurpose = "begin"): Promise<void> {
    assert(!record.includes("\n"), "a record is one line");
    const isPromised = durability === "power-loss";
    const isWritten = await this.#log.writer.append(
      { kind: "note", path: "", content: [Buffer.from(record)], mayUseReserve: purpose === "end" },
      ({ segment, position }) => {
        segment.notes.push({ text: record, position });
        segment.isPromised ||= isPromised;
      },
    );
    if (!isWritten) throw new CacheError("STORAGE_FULL", undefined, { facts: { path: LOG_DIRECTORY } });
    if (isPromised) await this.#log.writer.sync();
  }

  rewrite(records: Iterable<string>): Promise<void> {
    return this.#inTurn(() => this.#rewrite(records));
  }

  /** Writes the notes of a segment that is about to be released. @throws {CacheError} STORAGE_FULL, STORAGE_IO */
  async keep({ notes }: LogSegment): Promise<void> {
    if (notes.length > 0) await this.#inTurn(() => this.#keep(notes.map(({ text }) => text)));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work);
    this.#work = done.catch(() => {});
    return done;
  }

  async #keep(notes: readonly string[]): Promise<void> {
    try {
      const file = await fs.promises.open(this.#path, FLAGS);
      try {
        this.#sizeBytes ??= await this.#endOfLines();
        this.#sizeBytes += await this.#write(file.fd, notes, this.#sizeBytes);
      } finally {
        await file.close();
      }
      if (!this.#isInDirectory) await this.#steps.syncDirectory(this.#directory);
      this.#isInDirectory = true;
    } catch (error) {
      throw diskFailure(error, NOTES_FILE);
    }
  }

  async #endOfLines(): Promise<number> {
    let end = 0;
    for await (const { endBytes } of wholeLines(this.#path, LIMITS.journalLineBytesMax)) end = endBytes;
    return end;
  }

  async #rewrite(records: Iterable<string>): Promise<void> {
    const aside = `${this.#path}.aside`;
    const { segments, writer } = this.#log;
    // Records that wait to be written are behind this place.
    const place = writer.end;
    try {
      await this.#steps.makeDirectory(this.#directory);
      const file = await fs.promises.open(aside, "w");
      let sizeBytes = 0;
      try {
        sizeBytes = await this.#write(file.fd, records, 0);
      } finally {
        await file.close();
      }
      await this.#steps.renameJournal(aside, this.#path);
      await this.#steps.syncDirectory(this.#directory);
      this.#sizeBytes = sizeBytes;
      for (const each of segments.used) each.forgetNotes(place);
      writer.note({ kind: "kept", path: "", content: [encodePlace(place.number, place.position)] });
    } catch (error) {
      await fs.promises.rm(aside, { force: true }).catch(() => {});
      throw diskFailure(error, NOTES_FILE);
    }
  }

  /** Writes the lines and syncs them. @returns their bytes. */
  async #write(fd: number, records: Iterable<string>, position: number): Promise<number> {
    let sizeBytes = 0;
    for (const bytes of inPieces(records)) {
      await this.#steps.appendJournal(fd, bytes, position + sizeBytes);
      sizeBytes += bytes.length;
    }
    await this.#steps.syncJournal(fd);
    return sizeBytes;
  }
}

function* inPieces(records: Iterable<string>): Generator<Buffer> {
  let lines: string[] = [];
  for (const record of records) {
    lines.push(formatSummedLine(record));
    if (lines.length < LINES_PER_WRITE) continue;
    yield Buffer.from(lines.join(""));
    lines = [];
  }
  yield Buffer.from(lines.join(""));
}
