/**
 * Supplies the schemas of tables for lists, without opening a file for every object.
 *
 * A table that this process put or read has its schema number in the pool. For any other, after a
 * restart, the file is read once, just before its page is sent, and its number is stored. At most
 * LIMITS.scanConcurrency files are open for all lists, and no checksum is compared: gets do that.
 * Times and the first bytes of values are read for callers that ask for them, in the same way.
 */
import { encapsulateHeader } from "../arrow/encapsulated.ts";
import { isCacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import type { FileForm } from "../object/file-head.ts";
import type { ObjectFactsParts } from "../object/object-facts.ts";
import type { ByteRange } from "../object/stored-blocks.ts";
import { readStoredObject } from "../object/stored-object.ts";
import { Semaphore } from "../storage/disk/semaphore.ts";
import type { FileSource, StoredFile, StoredName } from "../storage/object-storage.ts";
import type { IndexEntry } from "./index-entry.ts";
import { LARGE_SCHEMA, type SchemaPool } from "./schema-pool.ts";

export interface SchemasHost {
  readonly storage: FileSource;
  readonly schemas: SchemaPool;
}

export class ListedSchemas {
  readonly #host: SchemasHost;
  readonly #reads = new Semaphore(LIMITS.scanConcurrency);

  constructor(host: SchemasHost) {
    this.#host = host;
  }

  /** The encapsulated schema of a table, if it is in the pool. */
  known(table: IndexEntry): Buffer | undefined {
    return this.#host.schemas.encapsulated(table.schemaNumber);
  }

  /** Reads the missing schemas of tables among `entries` that are small enough for the pool. */
  learn(entries: readonly IndexEntry[]): Promise<void> | undefined {
    const unknown = entries.filter(
      (entry) =>
        entry.kind === "table" &&
        entry.schemaNumber !== LARGE_SCHEMA &&
        this.#host.schemas.encapsulated(entry.schemaNumber) === undefined,
    );
    return unknown.length === 0 ? undefined : this.#learn(unknown);
  }

  async #learn(tables: readonly IndexEntry[]): Promise<void> {
    const ends = await Promise.allSettled(tables.map((table) => this.read(table)));
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  /**
   * Reads the encapsulated schema of a table from its file; a copy.
   * @returns undefined if the object is gone or damaged: the next get reports it.
   */
  read(table: IndexEntry): Promise<Buffer | undefined> {
    const { schemas } = this.#host;
    return this.#reads.run(async () => {
      // Without the key's lock: a published file never changes, and a list does not wait for a put.
      const header = await this.#readHeader(table);
      if (header === undefined) return undefined;
      table.schemaNumber = schemas.numberOf(header);
      return schemas.encapsulated(table.schemaNumber) ?? encapsulateHeader(header);
    });
  }

  /** When an object was last put or patched, and how its value begins; a copy. What is gone or damaged is not known. */
  readFacts(entry: IndexEntry): Promise<ObjectFactsParts> {
    return this.#reads.run(async () => {
      const { key, form, baseVersion, version, deltas, state: of } = entry;
      const base = await this.#lookAt({ key, part: { kind: form }, of }, async (file) => ({
        modifiedMs: file.modifiedMs,
        head: entry.kind === "opaque" ? await headOf(file, entry) : NO_BYTES,
      }));
      if (base === undefined || version === baseVersion || deltas !== undefined) return base ?? NOTHING_KNOWN;
      const part = { kind: "patch", baseVersion, version } as const;
      const modifiedMs = await this.#lookAt({ key, part, of }, async (file) => file.modifiedMs);
      return { ...base, modifiedMs: modifiedMs ?? base.modifiedMs };
    });
  }

  async #lookAt<T>(name: StoredName, use: (file: StoredFile) => Promise<T>): Promise<T | undefined> {
    const file = await this.#host.storage.open(name, "look");
    try {
      return file && (await use(file));
    } catch (error) {
      if (isCacheError(error, "OBJECT_CORRUPT")) return undefined;
      throw error;
    } finally {
      file?.close();
    }
  }

  async #readHeader({ key, form, state: of }: IndexEntry): Promise<Buffer | undefined> {
    return await this.#lookAt(
      { key, part: { kind: form }, of },
      async (file) => (await readStoredObject(file, form, LIMITS.loadWholeBytesMax))?.schemaHeader,
    );
  }
}

const NO_BYTES = new Uint8Array(0);
const NOTHING_KNOWN: ObjectFactsParts = { modifiedMs: undefined, head: NO_BYTES };

async function headOf(file: StoredFile, { value, form }: IndexEntry): Promise<Uint8Array> {
  const range = value?.fileSizeBytes === file.sizeBytes ? value : await rangeOf(file, form);
  if (range === undefined) return NO_BYTES;
  return Buffer.from(await file.read(range.position, Math.min(range.sizeBytes, LIMITS.valueHeadBytes)));
}

/** Where a value begins that another program wrote, or an earlier process. */
async function rangeOf(file: StoredFile, form: FileForm): Promise<ByteRange | undefined> {
  const object = await readStoredObject(file, form, LIMITS.loadWholeBytesMax);
  return object?.codec === undefined ? object?.dataRanges[0] : undefined;
}
