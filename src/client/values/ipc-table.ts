/**
 * A table as Arrow IPC bytes, for callers without an Arrow library, or who do not want one to
 * decode the bytes.
 *
 * A get creates a stream in parts, one per message, each at an address that is a multiple of 8, as
 * readers need it. Nothing is decoded or copied here, except by `bytes` of a table with several
 * parts.
 */

/** Arrow IPC bytes of one table, in the stream or the file format. */
export class IpcTable {
  /** The bytes in order; a table from the cache has one part per message. Views, not copies. */
  readonly parts: readonly Uint8Array[];

  /** @param bytes an IPC stream or file, in one or more parts; kept as views. */
  constructor(bytes: Uint8Array | readonly Uint8Array[]) {
    this.parts = bytes instanceof Uint8Array ? [bytes] : [...bytes];
  }

  /** Size of all parts. */
  get sizeBytes(): number {
    return this.parts.reduce((sum, part) => sum + part.byteLength, 0);
  }

  /** The whole table in one piece: its only part, or a copy of all parts. */
  get bytes(): Uint8Array {
    if (this.parts.length === 1) return this.parts[0]!;
    const joined = new Uint8Array(this.sizeBytes);
    let position = 0;
    for (const part of this.parts) {
      joined.set(part, position);
      position += part.byteLength;
    }
    return joined;
  }
}
