/**
 * Golden tables with one byte changed, put and got through the handlers of the server, and what pyarrow says of those that were kept.
 *
 * Each kept table is got as `KEY` and as `KEY:0`. Python reads the streams in one process, which is started again behind a stream
 * that ended it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { END_OF_STREAM, frameHeader, ZERO_PADDING } from "../../src/arrow/encapsulated.ts";
import type { ValidationLevel } from "../../src/config/cache-config.ts";
import { CacheError } from "../../src/errors.ts";
import { encodeTicket } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../src/flight/methods.ts";
import { formatTicket } from "../../src/flight/ticket.ts";
import { readBlockHeader } from "../../src/object/stored-blocks.ts";
import { readStoredObject } from "../../src/object/stored-object.ts";
import { MemoryStorage } from "../../src/storage/memory-storage.ts";
import { GOLDEN, goldenFile, goldenStream, splitStream } from "../unit/arrow/golden.ts";
import { MemoryBytes } from "../unit/object/memory-bytes.ts";
import { cleanEnvironment } from "./clean-environment.ts";
import { DirectService } from "./direct-service.ts";
import { pathDescriptor, putMessages, receiveFlightData } from "./flight-messages.ts";

const SCRIPT = fileURLToPath(new URL("validate_streams.py", import.meta.url));
const KEY = "app/mutated/table";

export interface TableMessage {
  readonly header: Buffer;
  readonly body: Buffer;
}

/** Messages of a table: the schema, then its batches. */
export interface GoldenTable {
  readonly name: string;
  readonly messages: readonly TableMessage[];
}

/** Every stream and file of test/golden/arrow. */
export async function goldenTables(): Promise<GoldenTable[]> {
  const streams = Object.keys(GOLDEN.streams).map((name) => ({
    name: `${name}.arrows`,
    messages: splitStream(goldenStream(name)).map(({ header, body }) => ({
      header: Buffer.from(header),
      body,
    })),
  }));
  const files = Object.keys(GOLDEN.files).map(async (name) => ({
    name: `${name}.arrow`,
    messages: await messagesOfFile(goldenFile(name)),
  }));
  return [...streams, ...(await Promise.all(files))];
}

async function messagesOfFile(bytes: Buffer): Promise<TableMessage[]> {
  const file = (await readStoredObject(new MemoryBytes(bytes), "file"))!;
  const messages: TableMessage[] = [{ header: Buffer.from(file.schemaHeader), body: Buffer.alloc(0) }];
  for (const { block } of file.batches) {
    const body = await file.source.read(block.position + block.metadataSizeBytes, block.bodySizeBytes);
    messages.push({ header: Buffer.from(await readBlockHeader(file.source, block)), body });
  }
  return messages;
}

/** Bytes of a table: its headers and bodies, one after the other. */
export function sizeOf({ messages }: GoldenTable): number {
  return messages.reduce((sum, { header, body }) => sum + header.length + body.length, 0);
}

/** The table with the bits of `mask` turned over in one of its bytes. */
export function mutate({ name, messages }: GoldenTable, position: number, mask: number): GoldenTable {
  let at = position;
  const turned = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    if (at >= 0 && at < copy.length) copy[at]! ^= mask;
    at -= copy.length;
    return copy;
  };
  return {
    name,
    messages: messages.map(({ header, body }) => ({ header: turned(header), body: turned(body) })),
  };
}

export interface Verdict {
  /** What was put: name, position and mask. */
  readonly what: string;
  readonly form: "KEY" | "KEY:0";
  /** `ok`, what pyarrow refused it with, or the signal or code that ended Python. */
  readonly verdict: string;
}

/** Puts tables, and asks pyarrow about those that are kept. */
export class MutatedTables {
  readonly #service: DirectService;
  readonly #path: string;
  readonly #kept: Omit<Verdict, "verdict">[] = [];
  readonly #refusals = new Map<string, number>();

  /** @param path of a file to be made for the streams that were kept. */
  constructor(path: string, validation: ValidationLevel) {
    this.#service = new DirectService(new MemoryStorage(), { validation });
    this.#path = path;
  }

  start(): Promise<void> {
    return this.#service.start();
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  get keptCount(): number {
    return this.#kept.length / 2;
  }

  /** How many puts ended in each refusal. */
  get refusals(): ReadonlyMap<string, number> {
    return this.#refusals;
  }

  /** @returns whether it was kept. @throws what is no refusal, and a get that fails of what was kept. */
  async put(table: GoldenTable, what: string = table.name): Promise<boolean> {
    const [schema, ...batches] = table.messages;
    try {
      const messages = putMessages(pathDescriptor(KEY), schema!.header, batches);
      await this.#service.call(FLIGHT_METHODS.DoPut.path, messages);
    } catch (error) {
      if (!(error instanceof CacheError)) throw error;
      this.#refusals.set(error.code, (this.#refusals.get(error.code) ?? 0) + 1);
      return false;
    }
    await this.#keep(what, "KEY", undefined);
    await this.#keep(what, "KEY:0", 0);
    return true;
  }

  async #keep(what: string, form: Verdict["form"], heldVersion: number | undefined): Promise<void> {
    const ticket = encodeTicket(formatTicket(KEY, heldVersion));
    const answers = await this.#service.call(FLIGHT_METHODS.DoGet.path, [ticket]);
    const stream = Buffer.concat([...answers.flatMap(framed), END_OF_STREAM]);
    const head = Buffer.alloc(8);
    head.writeUInt32LE(this.#kept.length, 0);
    head.writeUInt32LE(stream.length, 4);
    appendFileSync(this.#path, Buffer.concat([head, stream]));
    this.#kept.push({ what, form });
  }

  /** What pyarrow says of each, in order. */
  async judge(python: string): Promise<Verdict[]> {
    const verdicts: string[] = [];
    while (verdicts.length < this.#kept.length) {
      const end = await this.#run(python, verdicts);
      if (verdicts.length < this.#kept.length) verdicts.push(end);
    }
    return this.#kept.map((kept, index) => ({ ...kept, verdict: verdicts[index]! }));
  }

  /** Adds verdicts until Python ends. @returns what ended it. */
  async #run(python: string, verdicts: string[]): Promise<string> {
    const child = spawn(python, [SCRIPT, this.#path, `${verdicts.length}`], {
      env: cleanEnvironment({ PYTHONDONTWRITEBYTECODE: "1" }),
      stdio: ["ignore", "pipe", "pipe"],
    });
    const errors: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
    createInterface(child.stdout).on("line", (line) => verdicts.push(line.slice(line.indexOf(" ") + 1)));
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    return `Python ended with ${signal ?? code}: ${errors.join("").slice(-200)}`;
  }
}

/** One FlightData as a message of a stream. */
function framed(flightData: Buffer): Buffer[] {
  const { header, body } = receiveFlightData(flightData);
  const frame = frameHeader(header, 0, 8);
  return [frame.prefix, Buffer.from(header), ZERO_PADDING.subarray(0, frame.paddingSizeBytes), body];
}

/** Tables with one byte changed: every so many bytes, by each mask. */
export function* mutationsOf(
  tables: readonly GoldenTable[],
  stepBytes: number,
  masks: readonly number[],
): Generator<{ table: GoldenTable; what: string }> {
  for (const table of tables) {
    for (let position = 0; position < sizeOf(table); position += stepBytes) {
      for (const mask of masks) {
        yield { table: mutate(table, position, mask), what: `${table.name} at ${position} by ${mask}` };
      }
    }
  }
}

/** A refusal by pyarrow that is within what a level promises: a clean error, about what the level does not look at. */
interface SoundRefusal {
  /** Tables it is sound for. */
  readonly name: RegExp;
  readonly verdict: RegExp;
}

/** Nothing of a compressed body but its sizes is looked at. */
const COMPRESSED: SoundRefusal = {
  name: /^(lz4|zstd)\./,
  verdict: /^(OSError|Arrow(Invalid|MemoryError)): /,
};
/** What an extension type means is its own affair. */
const EXTENSION: SoundRefusal = {
  name: /^extensions\./,
  verdict:
    /^ArrowInvalid: (Invalid serialized JSON|Invalid storage type|Unexpected serialized metadata|Product of shape dimensions)/,
};
/** Values: no memory is at stake. */
const VALUES: SoundRefusal = {
  name: /./,
  verdict:
    /Invalid UTF8 sequence|not within the acceptable range|whole number of days|does not fit in precision|padding|out-of-line data/,
};

export const SOUND = {
  full: [COMPRESSED, EXTENSION],
  structure: [COMPRESSED, EXTENSION, VALUES],
} as const;

/** Verdicts that are neither `ok` nor within reason. */
export function unsound(verdicts: readonly Verdict[], refusals: readonly SoundRefusal[]): Verdict[] {
  return verdicts.filter(
    ({ what, verdict }) =>
      verdict !== "ok" && !refusals.some((sound) => sound.name.test(what) && sound.verdict.test(verdict)),
  );
}
