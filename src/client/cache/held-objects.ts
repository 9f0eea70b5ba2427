/**
 * The objects that a client keeps, so that the server can answer "not modified" or send only
 * missing patches.
 *
 * Bounded by encoded bytes; the least recently used object is dropped first. The bytes never
 * change: each get decodes a new value from them, into memory of its own. After a server has lost
 * its objects, its versions may repeat, and kept objects would look current again. So a client that
 * notices a lost connection drops all objects of that server.
 */

/** An object as the server sent it. Immutable. */
export type HeldObject =
  | {
      readonly kind: "opaque";
      readonly version: number;
      readonly base: Buffer;
      /** In order. The version is that of the base plus the number of patches. */
      readonly patches: readonly Buffer[];
    }
  | {
      readonly kind: "table";
      readonly version: number;
      /** An IPC stream, a part for each message. */
      readonly parts: readonly Uint8Array[];
    };

/** Approximate bytes of the map entry, name and arrays of one object. */
const ENTRY_BYTES = 512;

export function heldSizeBytes(object: HeldObject): number {
  const buffers = object.kind === "table" ? object.parts : [object.base, ...object.patches];
  return buffers.reduce((sum, buffer) => sum + buffer.byteLength, ENTRY_BYTES);
}

export class HeldObjects {
  readonly #bytesMax: number;
  /** By endpoint and key; the most recently used are last. */
  readonly #objects = new Map<string, HeldObject>();
  #sizeBytes = 0;

  /** @param bytesMax 0 keeps nothing */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Encoded bytes of the kept objects. */
  get sizeBytes(): number {
    return this.#sizeBytes;
  }

  get count(): number {
    return this.#objects.size;
  }

  find(endpoint: string, key: string): HeldObject | undefined {
    const name = nameOf(endpoint, key);
    const object = this.#objects.get(name);
    if (object === undefined) return undefined;
    this.#objects.delete(name);
    this.#objects.set(name, object);
    return object;
  }

  /**
   * Keeps an object unless it exceeds the bound or a newer version is kept.
   * @returns whether it is kept.
   */
  hold(endpoint: string, key: string, object: HeldObject): boolean {
    const name = nameOf(endpoint, key);
    const older = this.#objects.get(name);
    if (older !== undefined && older.version > object.version) return false;
    this.#drop(name);
    const sizeBytes = heldSizeBytes(object);
    if (sizeBytes > this.#bytesMax) return false;
    this.#objects.set(name, object);
    this.#sizeBytes += sizeBytes;
    for (const oldest of this.#objects.keys()) {
      if (this.#sizeBytes <= this.#bytesMax) break;
      this.#drop(oldest);
    }
    return true;
  }

  drop(endpoint: string, key: string): void {
    this.#drop(nameOf(endpoint, key));
  }

  /** Drops all objects of a server. */
  dropEndpoint(endpoint: string): void {
    const prefix = nameOf(endpoint, "");
    for (const name of [...this.#objects.keys()]) if (name.startsWith(prefix)) this.#drop(name);
  }

  #drop(name: string): void {
    const object = this.#objects.get(name);
    if (object === undefined) return;
    this.#objects.delete(name);
    this.#sizeBytes -= heldSizeBytes(object);
  }
}

/** Unambiguous: endpoints and keys contain no line feed. */
function nameOf(endpoint: string, key: string): string {
  return `${endpoint}\n${key}`;
}
