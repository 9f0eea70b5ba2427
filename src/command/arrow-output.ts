/**
 * Writes the messages of a table as an Arrow IPC stream or file. Decodes only the kind of a
 * message.
 *
 *     stream   schema | batches | end
 *     file     "ARROW1\0\0" | schema | batches | end | footer with the position of each batch | "ARROW1"
 *
 * Writes sequentially, so the output can be a pipe. In a file, bodies begin at multiples of 64, for
 * memory maps. The format has no place for the app_metadata of a batch, so it is left out.
 */
import { BlockList } from "../arrow/block-list.ts";
import { END_OF_STREAM, frameHeader, ZERO_PADDING } from "../arrow/encapsulated.ts";
import { encodeFooter, FILE_MAGIC } from "../arrow/footer.ts";
import type { SchemaMetadata } from "../arrow/key-values.ts";
import type { IpcMessage } from "../arrow/message.ts";
import { VerbError } from "./failure.ts";

export type ArrowForm = "file" | "stream";

/** Writes bytes and resolves when the destination accepts more. */
export type WriteViews = (views: readonly Uint8Array[]) => Promise<void>;

export class ArrowOutput {
  readonly #form: ArrowForm;
  readonly #write: WriteViews;
  readonly #schemaHeader: Uint8Array;
  readonly #metadata: SchemaMetadata;
  readonly #dictionaries = new BlockList();
  readonly #recordBatches = new BlockList();
  readonly #dictionaryIds = new Set<bigint>();
  #position = 0;

  /**
   * @param schemaHeader is kept until the end.
   * @param metadata for the footer of a file; a stream has none.
   */
  constructor(
    form: ArrowForm,
    { schemaHeader, metadata }: { schemaHeader: Uint8Array; metadata: SchemaMetadata },
    write: WriteViews,
  ) {
    this.#form = form;
    this.#metadata = metadata;
    this.#schemaHeader = schemaHeader;
    this.#write = write;
  }

  async begin(): Promise<void> {
    if (this.#form === "file") await this.#put([FILE_MAGIC]);
    await this.#putHeader(this.#schemaHeader);
  }

  /**
   * Writes one batch.
   * @throws {VerbError} dataError if it replaces a dictionary, which a file cannot hold.
   */
  async batch(header: Uint8Array, message: IpcMessage, body: AsyncIterable<Uint8Array>): Promise<void> {
    const position = this.#position;
    this.#refuseReplacement(message);
    await this.#putHeader(header);
    const bodyPosition = this.#position;
    for await (const chunk of body) await this.#put([chunk]);
    const padding = (8 - ((this.#position - bodyPosition) % 8)) % 8;
    if (padding > 0) await this.#put([ZERO_PADDING.subarray(0, padding)]);
    const blocks = message.kind === "dictionaryBatch" ? this.#dictionaries : this.#recordBatches;
    if (this.#form === "stream") return;
    const metadataSizeBytes = bodyPosition - position;
    blocks.push({ position, metadataSizeBytes, bodySizeBytes: this.#position - bodyPosition });
  }

  async end(): Promise<void> {
    if (this.#form === "stream") return await this.#put([END_OF_STREAM]);
    const blocks = { dictionaries: this.#dictionaries, recordBatches: this.#recordBatches };
    const parts = { schemaHeader: this.#schemaHeader, metadata: this.#metadata, ...blocks };
    const footer = encodeFooter(parts, this.#position);
    await this.#put([footer]);
  }

  #refuseReplacement(message: IpcMessage): void {
    if (this.#form === "stream" || message.kind !== "dictionaryBatch") return;
    const isKnown = this.#dictionaryIds.has(message.dictionaryId);
    this.#dictionaryIds.add(message.dictionaryId);
    if (!isKnown || message.isDelta) return;
    throw new VerbError(
      "dataError",
      "this table replaces a dictionary midway, which an Arrow file cannot hold: use --format stream",
    );
  }

  async #putHeader(header: Uint8Array): Promise<void> {
    const frame = frameHeader(header, this.#position, this.#form === "file" ? 64 : 8);
    await this.#put([frame.prefix, header, ZERO_PADDING.subarray(0, frame.paddingSizeBytes)]);
  }

  async #put(views: readonly Uint8Array[]): Promise<void> {
    for (const view of views) this.#position += view.byteLength;
    await this.#write(views);
  }
}
