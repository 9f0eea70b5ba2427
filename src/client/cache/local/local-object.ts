/**
 * Reads an object out of its file, where client and server share a host: no bytes pass through a connection.
 *
 *     file:///storage/app/session/object.arrow?size=BYTES&dev=N&ino=N&mtime_ns=N
 *
 * The server says the path, so it is not believed: only a regular file is opened, of the object's own name, through no symbolic
 * link below the storage directory, and it must be the very one the server means, by all four numbers. A published file is never
 * written again, so what is read then is whole. Anything else (another host's path, a container, a replaced or deleted file,
 * permissions) gives undefined, and the caller asks for the bytes as usual.
 * Cost: one copy, from the page cache into memory of its own.
 */
import fs from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { AbortError, CacheError } from "../../../errors.ts";
import { LIMITS } from "../../../limits.ts";
import { logFor } from "../../../log.ts";
import type { ByteSource } from "../../../object/byte-sink.ts";
import type { StoredObject } from "../../../object/stored-blocks.ts";
import { readStoredObject } from "../../../object/stored-object.ts";
import { frameSchema, streamEnd } from "../../values/ipc-messages.ts";
import type { HeldObject } from "../held-objects.ts";

const log = logFor("client");
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

/** What tells the file from any other, as the location says it. */
interface FileIdentity {
  readonly path: string;
  readonly size: bigint;
  readonly dev: bigint;
  readonly ino: bigint;
  readonly mtimeNs: bigint;
}

export interface LocalReadOptions {
  readonly signal?: AbortSignal | undefined;
  /** Larger files are not read. */
  readonly bytesMax?: number;
}

/**
 * @param key of the object that was asked for
 * @returns undefined when the file cannot be had, or is not the one the server means; the reason goes into the log
 */
export async function readLocalObject(
  uri: string,
  key: string,
  { signal, bytesMax = LIMITS.fetchedBytesMax }: LocalReadOptions = {},
): Promise<HeldObject | undefined> {
  let file: fs.promises.FileHandle | undefined;
  try {
    const identity = parseLocation(uri, key);
    if (identity.size > bytesMax) throw notTheFile("it is larger than a get collects");
    const isReachedByLink = leadsThroughLink(identity.path);
    file = await fs.promises.open(identity.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    checkIdentity(await file.stat({ bigint: true }), identity);
    if (await isReachedByLink) throw notTheFile("a link leads to it");
    return await readObject(new FileSource(file, Number(identity.size), signal));
  } catch (error) {
    if (signal?.aborted) throw new AbortError(signal);
    log.debug("file is not read directly", {
      uri,
      reason: error instanceof Error ? error.message : String(error),
    });
    return undefined;
  } finally {
    await file?.close();
  }
}

function parseLocation(uri: string, key: string): FileIdentity {
  if (uri.length > LIMITS.fileLocationLengthMax) throw notTheFile("its location is too long");
  const url = new URL(uri);
  const path = fileURLToPath(url);
  if (!path.endsWith(`/${key}.arrow`)) throw notTheFile("it is of another object");
  const number = (name: string): bigint => {
    const text = url.searchParams.get(name) ?? "";
    if (!/^\d{1,20}$/.test(text)) throw notTheFile(`its location has no ${name}`);
    return BigInt(text);
  };
  return {
    path,
    size: number("size"),
    dev: number("dev"),
    ino: number("ino"),
    mtimeNs: number("mtime_ns"),
  };
}

/** Whether its session or its application is a link. Looked at while the file is opened, so that it costs no time. Never rejects. */
async function leadsThroughLink(path: string): Promise<boolean> {
  const session = dirname(path);
  const looks = [session, dirname(session)].map((directory) => fs.promises.lstat(directory));
  const seen = await Promise.allSettled(looks);
  return !seen.every((look) => look.status === "fulfilled" && look.value.isDirectory());
}

/** Files of /proc have no size, and what they hold is made while it is read. */
function checkIdentity(seen: fs.BigIntStats, wanted: FileIdentity): void {
  const { size, dev, ino, mtimeNs } = seen;
  const isSame =
    size === wanted.size && dev === wanted.dev && ino === wanted.ino && mtimeNs === wanted.mtimeNs;
  if (!isSame || !seen.isFile() || size === 0n) throw notTheFile("the file is another one");
}

function notTheFile(why: string): CacheError {
  return new CacheError("OBJECT_NOT_FOUND", why);
}

/** An opened file as the reader of object files wants it. */
class FileSource implements ByteSource {
  readonly sizeBytes: number;
  readonly #file: fs.promises.FileHandle;
  readonly #signal: AbortSignal | undefined;

  constructor(file: fs.promises.FileHandle, sizeBytes: number, signal: AbortSignal | undefined) {
    this.#file = file;
    this.sizeBytes = sizeBytes;
    this.#signal = signal;
  }

  /** Memory of its own that begins at offset 0 of its ArrayBuffer. */
  async read(position: number, lengthBytes: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafeSlow(lengthBytes);
    for (let done = 0; done < lengthBytes; ) {
      this.#signal?.throwIfAborted();
      const wanted = Math.min(lengthBytes - done, LIMITS.localReadBytesMax);
      const { bytesRead } = await this.#file.read(bytes, done, wanted, position + done);
      if (bytesRead === 0) throw new CacheError("OBJECT_CORRUPT", "the file ends too early");
      done += bytesRead;
    }
    return bytes;
  }
}

async function readObject(source: FileSource): Promise<HeldObject> {
  // Never whole: what is wanted of it is read into memory of its own below.
  const object = await readStoredObject(source, "either", 0);
  if (object === undefined) throw new CacheError("OBJECT_NOT_FOUND", "the file is not whole");
  if (object.kind === "table") {
    return { kind: "table", version: object.version, parts: await readParts(object, source) };
  }
  if (object.codec !== undefined) throw new CacheError("UNREADABLE_VALUE", "the value is compressed");
  const base = await readRanges(object, source);
  return { kind: "opaque", version: object.version, base, patches: [] };
}

async function readRanges({ dataRanges }: StoredObject, source: FileSource): Promise<Buffer> {
  const ranges = await Promise.all(
    dataRanges.map(({ position, sizeBytes }) => source.read(position, sizeBytes)),
  );
  return ranges.length === 1 ? ranges[0]! : Buffer.concat(ranges);
}

/** The messages in a file lie one behind the other, framed as in a stream: they are read together and cut apart. */
async function readParts({ schemaHeader, batches }: StoredObject, source: FileSource): Promise<Uint8Array[]> {
  const blocks = Array.from(batches, ({ block }) => block);
  const first = blocks[0];
  const last = blocks.at(-1);
  if (first === undefined || last === undefined) return [frameSchema(schemaHeader), streamEnd()];
  const end = last.position + last.metadataSizeBytes + last.bodySizeBytes;
  const bytes = await source.read(first.position, end - first.position);
  const parts = blocks.map(({ position, metadataSizeBytes, bodySizeBytes }) => {
    const start = position - first.position;
    return bytes.subarray(start, start + metadataSizeBytes + bodySizeBytes);
  });
  return [frameSchema(schemaHeader), ...parts, streamEnd()];
}
