/**
 * Decodes the header blocks of one connection, in the order of arrival.
 *
 *     1xxxxxxx  field at an index                01xxxxxx  literal, added to the table
 *     001xxxxx  new maximum size of the table    000xxxxx  literal, not added (0001: never indexed)
 *
 * Every block has to be decoded, even that of a refused request: the table must stay in sync.
 * Clients send nearly the same block for each call, so the last few are cached by their bytes while
 * the table is unchanged. A block that changes the table is not cached.
 * Source: RFC 7541, 3 and 6.
 * Cost: one pass, or a comparison of bytes for a cached block.
 */
import { type HeaderBlock, HeaderBlockBuilder, type HeaderBlockKind } from "./header-block.ts";
import { HeaderField, sizeOfField } from "./header-field.ts";
import { HpackReader } from "./hpack-reader.ts";
import { HpackTable } from "./hpack-table.ts";
import { Http2Error } from "./http2-error.ts";
import { RememberedBlocks } from "./remembered-blocks.ts";

export type { HeaderBlock, HeaderBlockKind } from "./header-block.ts";

const INDEXED = 0x80;
const LITERAL_ADDED = 0x40;
const TABLE_SIZE = 0x20;
/** The smallest size since the last block, and the final size (RFC 7541, 4.2). */
const TABLE_SIZES_MAX = 2;

export class HpackDecoder {
  readonly #table: HpackTable;
  readonly #listBytesMax: number;
  readonly #remembered = new RememberedBlocks();

  /**
   * @param limits.tableBytesMax our SETTINGS_HEADER_TABLE_SIZE; the table always begins with 4096
   *   bytes
   * @param limits.listBytesMax beyond it fields are not collected, but the table stays in sync
   */
  constructor({ tableBytesMax, listBytesMax }: { tableBytesMax: number; listBytesMax: number }) {
    this.#table = new HpackTable(tableBytesMax);
    this.#listBytesMax = listBytesMax;
  }

  /**
   * Decodes one whole block. The result contains no view of `block`.
   * @throws {Http2Error} COMPRESSION_ERROR: the table is out of sync, the connection must end
   */
  decode(block: Buffer, kind: HeaderBlockKind): HeaderBlock {
    const known = this.#remembered.find(block, kind);
    if (known !== undefined) return known;
    const reader = new HpackReader(block);
    const builder = new HeaderBlockBuilder(kind, this.#listBytesMax);
    let isTableChanged = this.#readTableSizes(reader);
    while (!reader.isAtEnd) {
      if (this.#readField(reader, builder)) isTableChanged = true;
    }
    const decoded = builder.build();
    if (isTableChanged) this.#remembered.forget();
    else this.#remembered.keep(block, kind, decoded);
    return decoded;
  }

  /** Reads the table size updates at the start of a block. @returns true if there were any. */
  #readTableSizes(reader: HpackReader): boolean {
    let count = 0;
    for (; !reader.isAtEnd; count++) {
      const first = reader.peek();
      if (first < TABLE_SIZE || first >= LITERAL_ADDED) break;
      if (count === TABLE_SIZES_MAX) {
        throw new Http2Error("COMPRESSION_ERROR", "too many updates of the table size");
      }
      this.#table.resize(reader.integer(5));
    }
    return count > 0;
  }

  /** Reads one field. @returns true if it was added to the table. */
  #readField(reader: HpackReader, builder: HeaderBlockBuilder): boolean {
    const first = reader.peek();
    if (first >= INDEXED) {
      builder.add(this.#table.at(reader.integer(7)));
      return false;
    }
    if (first >= LITERAL_ADDED) {
      const field = this.#readLiteral(reader, reader.integer(6));
      this.#table.add(field);
      builder.add(field);
      return true;
    }
    if (first >= TABLE_SIZE) {
      throw new Http2Error("COMPRESSION_ERROR", "the table size is updated in the middle of a block");
    }
    const nameIndex = reader.integer(4);
    if (builder.isFull) builder.count(this.#skipLiteral(reader, nameIndex));
    else builder.add(this.#readLiteral(reader, nameIndex));
    return false;
  }

  /** @param nameIndex index of the name in the table; 0 if the name follows */
  #readLiteral(reader: HpackReader, nameIndex: number): HeaderField {
    const name = nameIndex === 0 ? reader.string() : this.#table.at(nameIndex).name;
    return new HeaderField(name, reader.string());
  }

  /** Size of a literal field whose text is not needed. */
  #skipLiteral(reader: HpackReader, nameIndex: number): number {
    const nameBytes = nameIndex === 0 ? reader.skipString() : this.#table.at(nameIndex).name.length;
    return sizeOfField(nameBytes, reader.skipString());
  }
}
