/**
 * A table as an Arrow IPC stream or file, with its schema and batches as they were put.
 *
 *     stream   schema | stored messages of the base | those of each patch | end
 *     file     without patches: the object's file, byte for byte
 *              else, or if few rows are requested: magic | as above | a new footer
 *
 * Messages pass as stored, frames included, so their bodies keep their alignment. The app_metadata
 * of batches has no place in either form and is left out. An Arrow file cannot replace a dictionary,
 * as patches of dictionary-encoded columns do: such a table is available as a stream only.
 */
import { type Block, BlockList } from "../../../arrow/block-list.ts";
import { END_OF_STREAM, frameHeader, ZERO_PADDING } from "../../../arrow/encapsulated.ts";
import { encodeFooterSteps, FILE_MAGIC } from "../../../arrow/footer.ts";
import { decodeMessage } from "../../../arrow/message.ts";
import { type ArrowField, decodeFieldsSteps } from "../../../arrow/schema.ts";
import { CacheError } from "../../../errors.ts";
import { checkedObject } from "../../../object/checked-source.ts";
import type { FooterMemory } from "../../../object/footer-memory.ts";
import { SegmentCheck } from "../../../object/segment-check.ts";
import { type StoredObject, unframeBlock } from "../../../object/stored-blocks.ts";
import { inTurns, turnIfDue } from "../../../turns.ts";
import type { BodyWriter } from "../body-writer.ts";
import { ARROW_FILE, ARROW_STREAM } from "../media-types.ts";
import type { Transfer } from "../transfers.ts";
import { type BodyRequest, isPatched, type ObjectBody } from "./object-body.ts";
import { messageBytes, sendMessages } from "./stored-messages.ts";

const BODY_ALIGNMENT = 64;
/** Memory for a batch until the footer is written: its position. */
const BLOCK_BYTES = 32;

/** @throws {CacheError} NOT_ACCEPTABLE if the table cannot be an Arrow file. */
export async function tableBody(request: BodyRequest): Promise<ObjectBody> {
  const { opened, choice, rowsMin } = request;
  const isWhole = rowsMin === undefined && !isPatched(opened);
  if (choice.form === "stream")
    return rowsMin === undefined ? await streamBody(request) : countedBody(request);
  if (opened.reading.entry.form === "stream") throw streamOnly("the table replaces a dictionary");
  if (isWhole) return fileBody(opened.base);
  const hasDictionaries = isPatched(opened) && (await usesDictionaries(opened.base));
  if (hasDictionaries) throw streamOnly("the patches of the table replace its dictionaries");
  return countedBody(request);
}

/** The object's file. Its bytes are compared with their checksum if all of them are sent in order. */
export function fileBody(object: StoredObject): ObjectBody {
  const { source } = object;
  return {
    mediaType: ARROW_FILE,
    sizeBytes: source.sizeBytes,
    async send(writer) {
      const check = writer.sendsAll ? new SegmentCheck(object) : undefined;
      await writer.sendRange(source, { position: 0, sizeBytes: source.sizeBytes }, (piece) =>
        check?.add(piece),
      );
    },
  };
}

async function streamBody({ opened }: BodyRequest): Promise<ObjectBody> {
  const { reading, base } = opened;
  const schema = schemaParts(base.schemaHeader, 0);
  const sizeBytes = isPatched(opened)
    ? undefined
    : partsBytes(schema) + (await inTurns(messageBytes(base))) + END_OF_STREAM.length;
  return {
    mediaType: ARROW_STREAM,
    sizeBytes,
    async send(writer) {
      for (const part of schema) await writer.send(part);
      await sendMessages(base, writer);
      for (const version of reading.patchesAfter(reading.baseVersion)) {
        await reading.withPatch(version, (patch) => sendMessages(patch, writer));
        await turnIfDue();
      }
      await writer.send(END_OF_STREAM);
    },
  };
}

/** Sends batch by batch: to count rows, or to write a footer. */
function countedBody({ context, transfer, opened, choice, rowsMin }: BodyRequest): ObjectBody {
  const { reading, base } = opened;
  return {
    mediaType: choice.form === "file" ? ARROW_FILE : ARROW_STREAM,
    sizeBytes: undefined,
    async send(writer) {
      const batches = new CountedBatches(writer, transfer, { memory: context.footerMemory, rowsMin });
      try {
        if (choice.form === "file") await writer.send(FILE_MAGIC);
        for (const part of schemaParts(base.schemaHeader, writer.position)) await writer.send(part);
        // A file is opened for reads at any position, which are not compared.
        await batches.send(choice.form === "file" ? await checkedObject(base, () => {}) : base);
        for (const version of reading.patchesAfter(reading.baseVersion)) {
          if (batches.isEnough) break;
          await reading.withPatch(version, (patch) => batches.send(patch));
        }
        if (choice.form === "stream") return await writer.send(END_OF_STREAM);
        const { dictionaries, recordBatches } = batches;
        const parts = { schemaHeader: base.schemaHeader, metadata: [], dictionaries, recordBatches };
        await writer.send(await inTurns(encodeFooterSteps(parts, writer.position)));
      } finally {
        batches.release();
      }
    },
  };
}

interface CountedOptions {
  readonly memory: FooterMemory;
  readonly rowsMin: number | undefined;
}

class CountedBatches {
  readonly dictionaries = new BlockList();
  readonly recordBatches = new BlockList();
  readonly #writer: BodyWriter;
  readonly #transfer: Transfer;
  readonly #options: CountedOptions;
  #rows = 0;
  #takenBytes = 0;

  constructor(writer: BodyWriter, transfer: Transfer, options: CountedOptions) {
    this.#writer = writer;
    this.#transfer = transfer;
    this.#options = options;
  }

  get isEnough(): boolean {
    return this.#rows >= (this.#options.rowsMin ?? Number.POSITIVE_INFINITY);
  }

  async send({ batches, source }: StoredObject): Promise<void> {
    for (const { block } of batches) {
      if (this.isEnough) return;
      this.#transfer.hold(block.metadataSizeBytes);
      const frame = await source.read(block.position, block.metadataSizeBytes);
      this.#note(decodeMessage(unframeBlock(frame)), block);
      await this.#writer.send(frame);
      this.#transfer.release(block.metadataSizeBytes);
      const position = block.position + block.metadataSizeBytes;
      await this.#writer.sendRange(source, { position, sizeBytes: block.bodySizeBytes });
      const turn = turnIfDue();
      if (turn !== undefined) await turn;
    }
  }

  #note(message: ReturnType<typeof decodeMessage>, { metadataSizeBytes, bodySizeBytes }: Block): void {
    this.#options.memory.take(BLOCK_BYTES);
    this.#takenBytes += BLOCK_BYTES;
    const block = { position: this.#writer.position, metadataSizeBytes, bodySizeBytes };
    if (message.kind === "dictionaryBatch") this.dictionaries.push(block);
    else this.recordBatches.push(block);
    if (message.kind === "recordBatch") this.#rows += message.batch.rowCount;
  }

  release(): void {
    this.#options.memory.give(this.#takenBytes);
    this.#takenBytes = 0;
  }
}

/** The framed schema, for a position; what follows is at a multiple of 64, as in the object's file. */
function schemaParts(header: Uint8Array, position: number): readonly Uint8Array[] {
  const { prefix, paddingSizeBytes } = frameHeader(header, position, BODY_ALIGNMENT);
  return [prefix, header, ZERO_PADDING.subarray(0, paddingSizeBytes)];
}

function partsBytes(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, part) => sum + part.length, 0);
}

async function usesDictionaries({ schemaHeader }: StoredObject): Promise<boolean> {
  const { fields } = await inTurns(decodeFieldsSteps(schemaHeader));
  const waiting: ArrowField[] = [...fields];
  for (let field = waiting.pop(); field !== undefined; field = waiting.pop()) {
    if (field.dictionary !== undefined) return true;
    waiting.push(...field.children);
  }
  return false;
}

function streamOnly(reason: string): CacheError {
  return new CacheError(
    "NOT_ACCEPTABLE",
    `${reason}, which an Arrow file cannot hold; get it as ${ARROW_STREAM}`,
  );
}
