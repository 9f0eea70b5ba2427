/**
 * Checks a table while it is put: that whoever reads it with the usual libraries stays inside of its memory.
 *
 * structure   messages that other readers' verifiers accept; nodes and buffers as the schema needs them; in the body what is followed:
 *             bits of nulls, offsets, indices, tags, views, ends of runs
 * full        the values as well, as `validate(full=True)` of Arrow's C++ library does
 *
 * Compressed bodies cannot be walked: of them the message and the sizes before the buffers are checked. What extension types
 * mean is not looked at. Bodies pass as views; what is held is bounded by LIMITS.validationHeldBytesMax.
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

/** Plans of schemas that are decoded once and used again. */
const plans = new WeakMap<FieldsOnly, TablePlan>();
/** A batch of more columns, or with a larger header, is taken with turns for other calls in between. */
const COLUMNS_AT_ONCE_MAX = 256;
const HEADER_AT_ONCE_BYTES_MAX = 16 * 1024;

const NO_WALKS: readonly Walk[] = [];

export class TableValidator {
  readonly #plan: TablePlan;
  readonly #isFull: boolean;
  readonly #dictionaryLengths = new Map<bigint, number>();
  /** Of the batch that passes. */
  #walks: readonly Walk[] = NO_WALKS;
  #nextWalk = 0;
  #position = 0;

  constructor(plan: TablePlan, level: "structure" | "full") {
    this.#plan = plan;
    this.#isFull = level === "full";
  }

  /**
   * Begins a batch; exactly its body must follow through `take`, then `end`. A promise means: wait before the body comes.
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

  /** The next bytes of the body. @throws {CacheError} INVALID_IPC */
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
    if (plan === undefined) throw invalidIpc("a dictionary is of no column of the schema");
    if (isDelta && !this.#dictionaryLengths.has(dictionaryId)) {
      throw invalidIpc("a dictionary is added to before it came");
    }
    return plan;
  }

  #count({ dictionaryId, isDelta, batch }: Extract<BatchMessage, { kind: "dictionaryBatch" }>): void {
    const before = isDelta ? this.#dictionaryLengths.get(dictionaryId)! : 0;
    this.#dictionaryLengths.set(dictionaryId, before + batch.rowCount);
  }
}

/**
 * The plan of a table's batches.
 * @param header the schema message, `schema` decoded from it.
 * @throws {CacheError} INVALID_IPC
 */
export function* checkedSchemaSteps(header: Uint8Array, schema: FieldsOnly): Generator<void, TablePlan> {
  const known = plans.get(schema);
  if (known !== undefined) return known;
  yield* verifyMessageSteps(header);
  if (decodeMessage(header).bodySizeBytes !== 0) throw invalidIpc("a schema has no body");
  const plan = yield* planTableSteps(schema);
  plans.set(schema, plan);
  return plan;
}
