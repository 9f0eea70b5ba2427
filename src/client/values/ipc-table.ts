/**
 * A table as Arrow IPC bytes, for who has no Arrow library at hand or does not want one to touch the bytes.
 *
 * What a get makes is a stream in parts, one per message, each at an address that is a multiple of 8 as readers need it.
 * Nothing is decoded here and nothing copied, but for `bytes` of a table of several parts.
 */

/** Arrow IPC bytes of one table, in the stream or the file format. */
export class IpcTable {
  /** The bytes in order; cut between messages where the table came from the cache. Views, not copies. */
  readonly parts: readonly Uint8Array[];

  /** @param bytes an IPC stream or file, whole or in parts; kept as a view. */
  constructor(bytes: Uint8Array | readonly Uint8Array[]) {
    this.parts = bytes instanceof Uint8Array ? [bytes] : [...bytes];
  }

  /** Size of all parts. */
  get sizeBytes(): number {
    return this.parts.reduce((sum, part) => sum + part.byteLength, 0);
  }

  /** The whole of it in one piece: the only part as it is, or a copy of all of them. */
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
