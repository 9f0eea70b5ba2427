/**
 * The objects a client holds so that the server need only say "not modified", or send the patches that are missing.
 *
 * Bounded by the encoded bytes held; what was used longest ago leaves first. Nobody may change these bytes: values are decoded
 * anew from them, into memory of their own. What was held from a server that has lost its memory would look current
 * again when versions repeat, so whoever notices a lost connection drops what is held of that server.
 */

/** An object as the server sent it. Never changed once made. */
export type HeldObject =
  | {
      readonly kind: "opaque";
      readonly version: number;
      readonly base: Buffer;
      /** In order; version says how many there are, together with the base's own. */
      readonly patches: readonly Buffer[];
    }
  | {
      readonly kind: "table";
      readonly version: number;
      /** An IPC stream, a part for each message. */
      readonly parts: readonly Uint8Array[];
    };

/** Map entry, name and arrays of one object, about. */
const ENTRY_BYTES = 512;

export function heldSizeBytes(object: HeldObject): number {
  const buffers = object.kind === "table" ? object.parts : [object.base, ...object.patches];
  return buffers.reduce((sum, buffer) => sum + buffer.byteLength, ENTRY_BYTES);
}

export class HeldObjects {
  readonly #bytesMax: number;
  /** By endpoint and key, those used last at the end. */
  readonly #objects = new Map<string, HeldObject>();
  #sizeBytes = 0;

  /** @param bytesMax 0 holds nothing */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Encoded bytes held now. */
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

  /** Holds an object unless it is larger than all may be, or a newer version is held. @returns whether it is held. */
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

  /** Drops all that is held of a server. */
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

/** Neither endpoints nor keys have a line feed. */
function nameOf(endpoint: string, key: string): string {
  return `${endpoint}\n${key}`;
}
