/**
 * Converts plain text to a JSON string while it arrives, so that clients read it as text.
 *
 * Cost: one copy of each piece.
 */
import { CacheError } from "../../errors.ts";

const QUOTE = Buffer.from('"');

export class JsonTextEncoder {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

  begin(): Buffer {
    return QUOTE;
  }

  /** @throws {CacheError} INVALID_VALUE if the text is not UTF-8. */
  push(chunk: Uint8Array): Buffer {
    return this.#escaped(chunk, true);
  }

  /** @throws {CacheError} INVALID_VALUE if the text ends inside a character. */
  end(): Buffer {
    return Buffer.concat([this.#escaped(new Uint8Array(0), false), QUOTE]);
  }

  #escaped(chunk: Uint8Array, stream: boolean): Buffer {
    try {
      return Buffer.from(JSON.stringify(this.#decoder.decode(chunk, { stream })).slice(1, -1));
    } catch (cause) {
      throw new CacheError("INVALID_VALUE", "the text is not UTF-8", { cause });
    }
  }
}
