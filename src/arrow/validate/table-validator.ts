/**
 * Validates a table while it is put, so that common Arrow libraries can read it without leaving
 * their memory.
 *
 * structure   messages that other verifiers accept; nodes and buffers that fit the schema; in the
 *             body null bits, offsets, indices, type ids, views, run ends
 * full        values too, as `validate(full=True)` of Arrow's C++ library does
 *
 * Of compressed bodies only the message and the sizes before the buffers are checked. Extension
 * types are not interpreted. Bodies pass as views; LIMITS.validationHeldBytesMax bounds the memory.
 */
import { assert } from "../../errors.ts";
import { atOnce, inTurns } from "../../turns.ts";
import { invalidIpc } from "../invalid-ipc.ts";
import { decodeMessage, type IpcMessage } from "../message.ts";
import type { FieldsOnly } from "../schema.ts";
import { type BatchContext, BatchParts } from "./batch-parts.ts";
import { takeColumns } from "./column-layouts.ts";
import { type ColumnPlan, planTableSteps, type TablePlan } from "./column-plan.ts";
import { verifyMessageSteps } from "./message-tables.ts";
import type { Walk } from "./walks/walk.ts";

type BatchMessage = Exclude<IpcMessage, { kind: "schema" }>;

/** Plans of cached schemas. */
const plans = new WeakMap<FieldsOnly, TablePlan>();
/**
 * A batch with more columns, or a larger header, is processed in steps with other calls in between.
 */
const COLUMNS_AT_ONCE_MAX = 256;
const HEADER_AT_ONCE_BYTES_MAX = 16 * 1024;

const NO_WALKS: readonly Walk[] = [];

export class TableValidator {
  readonly #plan: TablePlan;
  readonly #isFull: boolean;
  readonly #dictionaryLengths = new Map<bigint, number>();
  /** Checks of the current batch. */
  #walks: readonly Walk[] = NO_WALKS;
  #nextWalk = 0;
  #position = 0;

  constructor(plan: TablePlan, level: "structure" | "full") {
    this.#plan = plan;
    this.#isFull = level === "full";
  }

  /**
   * Begins a batch. Pass exactly its body to `take`, then call `end`. If it returns a promise, wait
   * before passing the body.
   * @throws {CacheError} INVALID_IPC, OBJECT_TOO_LARGE
   */
  begin(header: Uint8Array, message: BatchMessage): Promise<void> | undefined {
    const steps = this.#beginSteps(header, message);
    const isLarge = this.#plan.columnCount > COLUMNS_AT_ONCE_MAX || header.length > HEADER_AT_ONCE_BYTES_MAX;
    return isLarge ? inTurns(steps) : atOnce(steps);
  }

  *#beginSteps(header: Uint8Array, message: BatchMessage): Generator<void, undefined> {
    yield* verifyMessageSteps(header);
    const { batch, metadataVersion } = message;
    const parts = new BatchParts(batch, this.#context(metadataVersion));
    const columns: readonly ColumnPlan[] =
      message.kind === "recordBatch" ? this.#plan.columns : [this.#dictionary(message)];
    yield* takeColumns(parts, columns, ({ length }) => {
      if (length !== batch.rowCount) throw invalidIpc("a column does not have as many rows as its batch");
    });
    parts.finish();
    if (message.kind === "dictionaryBatch") this.#count(message);
    this.#walks = parts.walks.filter(({ end }) => end > 0);
    this.#nextWalk = 0;
    this.#position = 0;
    return undefined;
  }

  /** Checks the next bytes of the body. @throws {CacheError} INVALID_IPC */
  take(views: readonly Buffer[]): void {
    if (this.#nextWalk === this.#walks.length) return;
    for (const view of views) {
      this.#look(view);
      this.#position += view.length;
    }
  }

  end(): void {
    assert(this.#nextWalk === this.#walks.length, "the batch has all of its body");
    this.#walks = NO_WALKS;
    this.#nextWalk = 0;
  }

  #look(view: Buffer): void {
    const viewEnd = this.#position + view.length;
    for (; this.#nextWalk < this.#walks.length; this.#nextWalk += 1) {
      const walk = this.#walks[this.#nextWalk]!;
      if (walk.start >= viewEnd) return;
      const from = Math.max(walk.start - this.#position, 0);
      walk.feed(view.subarray(from, Math.min(walk.end - this.#position, view.length)));
      if (walk.end > viewEnd) return;
      walk.done();
    }
  }

  #context(metadataVersion: BatchContext["metadataVersion"]): BatchContext {
    const { isBigEndian } = this.#plan;
    return { metadataVersion, isBigEndian, isFull: this.#isFull, dictionaryLengths: this.#dictionaryLengths };
  }

  #dictionary({ dictionaryId, isDelta }: Extract<BatchMessage, { kind: "dictionaryBatch" }>) {
    const plan = this.#plan.dictionaries.get(dictionaryId);
    if (plan === undefined) throw invalidIpc("a dictionary belongs to no column of the schema");
    if (isDelta && !this.#dictionaryLengths.has(dictionaryId)) {
      throw invalidIpc("a delta dictionary precedes its dictionary");
    }
    return plan;
  }

  #count({ dictionaryId, isDelta, batch }: Extract<BatchMessage, { kind: "dictionaryBatch" }>): void {
    const before = isDelta ? this.#dictionaryLengths.get(dictionaryId)! : 0;
    this.#dictionaryLengths.set(dictionaryId, before + batch.rowCount);
  }
}

/**
 * Makes the plan for a table's batches.
 * @param header the schema message, from which `schema` was decoded.
 * @throws {CacheError} INVALID_IPC
 */
export function* checkedSchemaSteps(header: Uint8Array, schema: FieldsOnly): Generator<void, TablePlan> {
  const known = plans.get(schema);
  if (known !== undefined) return known;
  yield* verifyMessageSteps(header);
  if (decodeMessage(header).bodySizeBytes !== 0) throw invalidIpc("a schema message has a body");
  const plan = yield* planTableSteps(schema);
  plans.set(schema, plan);
  return plan;
}
