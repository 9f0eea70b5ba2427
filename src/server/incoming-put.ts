/**
 * One put on its way: descriptor, schema, then batches whose bodies pass through to a staged file.
 *
 * The caller gives each message in three steps, head, body views, end, as they arrive. Nothing is visible before
 * `commit`, and nothing is left after `discard`.
 */
import { decodeMessage } from "../arrow/message.ts";
import { checkedSchemaSteps, TableValidator } from "../arrow/validate/table-validator.ts";
import type { ObjectCache } from "../cache/object-cache.ts";
import type { CommitOptions, Draft } from "../cache/put-draft.ts";
import type { ValidationLevel } from "../config/cache-config.ts";
import { CacheError } from "../errors.ts";
import { decodeDescriptor } from "../flight/descriptor.ts";
import type { FlightDataHead } from "../flight/flight-data-decoder.ts";
import type { FooterMemory } from "../object/footer-memory.ts";
import type { ObjectKey } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import { knownPayload, type PayloadSchema, readPayloadSchemaInTurns } from "../object/object-schema.ts";
import { OpaqueBody } from "../object/opaque-body.ts";
import { OpaqueWriter } from "../object/opaque-writer.ts";
import { patchMisfitSteps } from "../object/patch-fit.ts";
import type { StoredObject } from "../object/stored-blocks.ts";
import { type IpcBatchMessage, TableWriter } from "../object/table-writer.ts";
import { inTurns, turnIfLarge } from "../turns.ts";
import { type PutTarget, parsePutTarget } from "./put-target.ts";

type Payload =
  | {
      readonly kind: "opaque";
      readonly draft: Draft;
      readonly writer: OpaqueWriter;
      readonly offsetBytes: 4 | 8;
    }
  | {
      readonly kind: "table";
      readonly draft: Draft;
      readonly writer: TableWriter;
      readonly validator: TableValidator | undefined;
    };

export interface IncomingPutOptions {
  /** How long the object is to live, when the call says so. */
  readonly ttlMs: number | undefined;
  /** How closely a table is looked at. */
  readonly validation: ValidationLevel;
  /** Ends the put when its bytes do not come while others wait for the room it holds. */
  readonly abandon: (reason: CacheError) => void;
  /** Of all puts of this server. */
  readonly footerMemory: FooterMemory;
  /** The call's: what the log says of it. */
  readonly facts?: Record<string, unknown> | undefined;
}

export class IncomingPut {
  readonly #cache: ObjectCache;
  readonly #options: IncomingPutOptions;
  #target: PutTarget | undefined;
  #payload: Payload | undefined;
  /** Set while a batch of an opaque value is passing. */
  #opaqueBody: OpaqueBody | undefined;
  #batchKind: IpcBatchMessage["kind"] | undefined;
  /** Set while a schema message is passing. */
  #isSchema = false;

  constructor(cache: ObjectCache, options: IncomingPutOptions) {
    this.#cache = cache;
    this.#options = options;
  }

  /** Between head and end of a message: what it carries; undefined for a descriptor or schema. */
  get batchKind(): IpcBatchMessage["kind"] | undefined {
    return this.#batchKind;
  }

  /** What precedes a message's body. @throws {CacheError} INVALID_* when it does not fit here, STORAGE_FULL when there can be no room for it. */
  async head(head: FlightDataHead): Promise<void> {
    const isFirst = this.#target === undefined;
    this.#target ??= parsePutTarget(decodeDescriptor(requireDescriptor(head)), this.#options.facts);
    if (head.dataHeader.length === 0) {
      // A descriptor may come alone; a million empty messages behind it may not.
      if (isFirst && head.bodySizeBytes === 0) return;
      throw new CacheError("INVALID_REQUEST", "a message without an Arrow header has nothing to keep");
    }
    if (this.#payload === undefined) {
      if (head.bodySizeBytes > 0) throw new CacheError("INVALID_IPC", "a schema has no body");
      this.#payload = await this.#open(ownBytes(head.dataHeader), this.#target);
      this.#isSchema = true;
      return;
    }
    const message = decodeMessage(head.dataHeader);
    if (message.kind === "schema") throw new CacheError("INVALID_IPC", "a second schema came in one put");
    if (message.bodySizeBytes !== head.bodySizeBytes) {
      throw new CacheError("INVALID_IPC", "a batch's body is not of the size its message says", {
        facts: { said: message.bodySizeBytes, came: head.bodySizeBytes },
      });
    }
    this.#batchKind = message.kind;
    const { draft, writer } = this.#payload;
    if (this.#payload.kind === "table") {
      await this.#payload.validator?.begin(head.dataHeader, message);
      await this.#payload.writer.beginBatch(head.dataHeader, message);
    } else if (message.kind === "recordBatch")
      this.#opaqueBody = new OpaqueBody(message.batch, this.#payload.offsetBytes);
    else throw new CacheError("INVALID_IPC", "an opaque value has no dictionaries");
    // Before the body is taken: what can never be kept need not come.
    draft.announce(message.bodySizeBytes + writer.owedBytes);
  }

  /** The next views of the body. A promise means: wait before giving more. */
  body(views: readonly Buffer[]): Promise<void> | undefined {
    const payload = this.#payload;
    if (payload?.kind === "table") {
      payload.validator?.take(views);
      return payload.writer.appendBody(views);
    }
    const data = this.#opaqueBody?.take(views) ?? [];
    return data.length > 0 ? payload?.writer.append(data) : undefined;
  }

  /** The end of a message. @throws {CacheError} INVALID_REQUEST when its app_metadata belongs to nothing. */
  end(appMetadata: Uint8Array): void {
    if (this.#isSchema) this.#endSchema(appMetadata);
    else if (this.#batchKind !== undefined) this.#endBatch(appMetadata);
    else if (appMetadata.length > 0) {
      throw new CacheError("INVALID_REQUEST", "app_metadata comes without an Arrow message to keep it with");
    }
  }

  #endBatch(appMetadata: Uint8Array): void {
    this.#batchKind = undefined;
    if (this.#payload?.kind === "table") {
      this.#payload.validator?.end();
      this.#payload.writer.endBatch(appMetadata);
    }
    if (this.#payload?.kind === "opaque") this.#payload.writer.endBatch(this.#opaqueBody?.end());
    this.#opaqueBody = undefined;
  }

  /** A table keeps it with its schema message; an opaque value has no messages of its own to keep any with. */
  #endSchema(appMetadata: Uint8Array): void {
    this.#isSchema = false;
    if (this.#payload?.kind === "table") this.#payload.writer.keepSchemaAppMetadata(appMetadata);
  }

  /**
   * Makes it an object that lasts as promised, unless nobody wants it any more.
   * @throws {CacheError} INVALID_REQUEST when no schema came.
   */
  async commit(terms: CommitOptions): Promise<{ key: ObjectKey; version: number; kind: ObjectKind }> {
    if (this.#payload === undefined)
      throw new CacheError("INVALID_REQUEST", "a put needs a descriptor and a schema");
    const { draft, writer, kind } = this.#payload;
    return { key: draft.key, version: await draft.commit(writer, terms), kind };
  }

  /** Drops what was staged; after `commit` this does nothing. */
  async discard(): Promise<void> {
    if (this.#payload?.kind === "table") this.#payload.writer.release();
    await this.#payload?.draft.discard();
  }

  async #open(schemaHeader: Buffer, target: PutTarget): Promise<Payload> {
    const schema = knownPayload(schemaHeader) ?? (await readPayloadSchemaInTurns(schemaHeader));
    const kind = schema.kind === "opaque" ? "opaque" : "table";
    const validator = kind === "table" ? await this.#validatorOf(schemaHeader, schema) : undefined;
    const draft = await this.#draft(kind, schemaHeader, target);
    const { abandon, footerMemory } = this.#options;
    draft.onAbandon(abandon);
    try {
      // A table's writer copies its schema, which may be of many MiB.
      const turn = turnIfLarge(schemaHeader.length);
      if (turn !== undefined) await turn;
      return kind === "opaque"
        ? { kind, draft, writer: new OpaqueWriter(draft.sink), offsetBytes: schema.offsetBytes }
        : { kind, draft, writer: new TableWriter(draft.sink, schemaHeader, schema, footerMemory), validator };
    } catch (error) {
      await draft.discard();
      throw error;
    }
  }

  async #validatorOf(header: Buffer, { schema }: PayloadSchema): Promise<TableValidator | undefined> {
    const { validation } = this.#options;
    if (validation === "off") return undefined;
    return new TableValidator(await inTurns(checkedSchemaSteps(header, schema)), validation);
  }

  async #draft(kind: ObjectKind, schemaHeader: Buffer, target: PutTarget): Promise<Draft> {
    if (target.kind === "object") return this.#cache.draftPut(target.key, kind, this.#options.ttlMs);
    if (target.kind === "session") return this.#cache.draftCreate(target.prefix, kind, this.#options.ttlMs);
    const fits = (base: StoredObject) => checkPatch(schemaHeader, base);
    return await this.#cache.draftPatch(target.key, kind, fits, this.#options.ttlMs);
  }
}

/** A copy, unless the bytes have their memory for themselves: a view would keep a socket's buffer. */
function ownBytes(bytes: Buffer): Buffer {
  return bytes.length === bytes.buffer.byteLength ? bytes : Buffer.from(bytes);
}

async function checkPatch(schemaHeader: Buffer, base: StoredObject): Promise<void> {
  // Most patches come with the very schema of their table.
  if (schemaHeader.equals(base.schemaHeader)) return;
  const misfit = await inTurns(patchMisfitSteps(base.schemaHeader, schemaHeader));
  if (misfit !== undefined) throw new CacheError("INVALID_REQUEST", misfit);
}

function requireDescriptor(head: FlightDataHead): Buffer {
  if (head.descriptor === undefined) {
    throw new CacheError("INVALID_REQUEST", "the first message of a put carries no descriptor");
  }
  return head.descriptor;
}
