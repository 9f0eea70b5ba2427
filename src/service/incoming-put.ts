/**
 * Receives one put of Arrow messages, over any protocol: the schema, then batches whose bodies pass
 * through to a staged file.
 *
 * The caller sets the target, then passes each message in three steps as it arrives: head, views of
 * the body, end. Nothing is visible before `commit`, and nothing remains after `discard`.
 */
import type { CacheUse } from "../access/guarded-cache.ts";
import { decodeMessage } from "../arrow/message.ts";
import { checkedSchemaSteps, TableValidator } from "../arrow/validate/table-validator.ts";
import type { CommitOptions, Draft } from "../cache/put-draft.ts";
import type { ValidationLevel } from "../config/cache-config.ts";
import { assert, CacheError } from "../errors.ts";
import type { FooterMemory } from "../object/footer-memory.ts";
import type { ObjectKey, SessionPrefix } from "../object/object-key.ts";
import type { ObjectKind } from "../object/object-metadata.ts";
import { knownPayload, type PayloadSchema, readPayloadSchemaInTurns } from "../object/object-schema.ts";
import { OpaqueBody } from "../object/opaque-body.ts";
import { OpaqueWriter } from "../object/opaque-writer.ts";
import { patchMisfitSteps } from "../object/patch-fit.ts";
import type { StoredObject } from "../object/stored-blocks.ts";
import { type IpcBatchMessage, TableWriter } from "../object/table-writer.ts";
import { inTurns, turnIfLarge } from "../turns.ts";

export type PutTarget =
  | { readonly kind: "object"; readonly key: ObjectKey }
  | { readonly kind: "session"; readonly prefix: SessionPrefix }
  | { readonly kind: "patch"; readonly key: ObjectKey };

/** The part of a message before its body. */
export interface MessageHead {
  /** The bare Message flatbuffer; may be a view of a socket's buffer. */
  readonly dataHeader: Buffer;
  /** Bytes of the body that follow. */
  readonly bodySizeBytes: number;
}

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
  /** The lifetime from the call; undefined if it sets none. */
  readonly ttlMs: number | undefined;
  /** The caller, for the event journal. */
  readonly actor?: string | undefined;
  /** How thoroughly a table is checked. */
  readonly validation: ValidationLevel;
  /** Ends the put if it is stalled while other calls wait for its space. */
  readonly abandon: (reason: CacheError) => void;
  /** Shared by all puts of this server. */
  readonly footerMemory: FooterMemory;
}

export class IncomingPut {
  readonly #cache: CacheUse;
  readonly #options: IncomingPutOptions;
  /** Set before the first message. */
  target: PutTarget | undefined;
  #payload: Payload | undefined;
  /** Set while a batch of an opaque value arrives. */
  #opaqueBody: OpaqueBody | undefined;
  #batchKind: IpcBatchMessage["kind"] | undefined;
  /** True while a schema message arrives. */
  #isSchema = false;

  constructor(cache: CacheUse, options: IncomingPutOptions) {
    this.#cache = cache;
    this.#options = options;
  }

  /** The kind of the batch between its head and its end; undefined for a descriptor or schema. */
  get batchKind(): IpcBatchMessage["kind"] | undefined {
    return this.#batchKind;
  }

  /**
   * Takes the part of a message before its body.
   * @throws {CacheError} INVALID_* if the message is not valid at this point; STORAGE_FULL if there
   *   can never be space for it.
   */
  async head(head: MessageHead): Promise<void> {
    if (head.dataHeader.length === 0) {
      throw new CacheError("INVALID_REQUEST", "a message without an Arrow header cannot be stored");
    }
    if (this.#payload === undefined) {
      if (head.bodySizeBytes > 0) throw new CacheError("INVALID_IPC", "a schema has no body");
      assert(this.target !== undefined, "a put has a target");
      this.#payload = await this.#open(ownBytes(head.dataHeader), this.target);
      this.#isSchema = true;
      return;
    }
    const message = decodeMessage(head.dataHeader);
    if (message.kind === "schema") throw new CacheError("INVALID_IPC", "a put has a second schema");
    if (message.bodySizeBytes !== head.bodySizeBytes) {
      throw new CacheError("INVALID_IPC", "the size of a batch's body differs from the size in its message", {
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
    else throw new CacheError("INVALID_IPC", "an opaque value cannot have dictionaries");
    // Before the body: a put that can never fit fails early.
    draft.announce(message.bodySizeBytes + writer.owedBytes);
  }

  /** Takes the next views of the body. If it returns a promise, await it before the next call. */
  body(views: readonly Buffer[]): Promise<void> | undefined {
    const payload = this.#payload;
    if (payload?.kind === "table") {
      payload.validator?.take(views);
      return payload.writer.appendBody(views);
    }
    const data = this.#opaqueBody?.take(views) ?? [];
    return data.length > 0 ? payload?.writer.append(data) : undefined;
  }

  /**
   * Ends a message.
   * @throws {CacheError} INVALID_REQUEST for app_metadata without an Arrow message.
   */
  end(appMetadata: Uint8Array): void {
    if (this.#isSchema) this.#endSchema(appMetadata);
    else if (this.#batchKind !== undefined) this.#endBatch(appMetadata);
    else if (appMetadata.length > 0) {
      throw new CacheError("INVALID_REQUEST", "app_metadata needs an Arrow message to be stored with");
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

  /** A table stores it with its schema message; an opaque value has no stored schema message. */
  #endSchema(appMetadata: Uint8Array): void {
    this.#isSchema = false;
    if (this.#payload?.kind === "table") this.#payload.writer.keepSchemaAppMetadata(appMetadata);
  }

  /**
   * Publishes the object with the durability of the call, unless the call is over.
   * @throws {CacheError} INVALID_REQUEST if there was no schema.
   */
  async commit(terms: CommitOptions): Promise<{ key: ObjectKey; version: number; kind: ObjectKind }> {
    if (this.#payload === undefined) throw new CacheError("INVALID_REQUEST", "a put needs a schema");
    const { draft, writer, kind } = this.#payload;
    return { key: draft.key, version: await draft.commit(writer, terms), kind };
  }

  /** Drops the staged file; after `commit` this does nothing. */
  async discard(): Promise<void> {
    if (this.#payload?.kind === "table") this.#payload.writer.release();
    await this.#payload?.draft.discard();
  }

  async #open(schemaHeader: Buffer, target: PutTarget): Promise<Payload> {
    const schema = knownPayload(schemaHeader) ?? (await readPayloadSchemaInTurns(schemaHeader));
    const kind = schema.kind === "opaque" ? "opaque" : "table";
    const validator = kind === "table" ? await this.#validatorOf(schemaHeader, schema) : undefined;
    const draft = await this.#draft(kind, schemaHeader, target);
    const { abandon, actor, footerMemory } = this.#options;
    draft.actor = actor;
    draft.onAbandon(abandon);
    try {
      // A table's writer copies the schema, which may have many MiB.
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
    const { ttlMs } = this.#options;
    if (target.kind === "object") return this.#cache.draftPut(target.key, kind, { ttlMs });
    if (target.kind === "session") return this.#cache.draftCreate(target.prefix, kind, { ttlMs });
    const fits = (base: StoredObject) => checkPatch(schemaHeader, base);
    return await this.#cache.draftPatch(target.key, kind, fits, ttlMs);
  }
}

/** Copies the bytes unless they own their memory: a view would retain a socket's buffer. */
function ownBytes(bytes: Buffer): Buffer {
  return bytes.length === bytes.buffer.byteLength ? bytes : Buffer.from(bytes);
}

async function checkPatch(schemaHeader: Buffer, base: StoredObject): Promise<void> {
  // Most patches have exactly the schema of their table.
  if (schemaHeader.equals(base.schemaHeader)) return;
  const misfit = await inTurns(patchMisfitSteps(base.schemaHeader, schemaHeader));
  if (misfit !== undefined) throw new CacheError("INVALID_REQUEST", misfit);
}
