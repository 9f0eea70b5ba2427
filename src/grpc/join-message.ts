/**
 * A whole message as one buffer, for those who need it whole.
 *
 * The declared size is believed only as far as bytes have come: memory grows with what arrives, not with what is
 * promised. Cost: nothing for a message in one chunk, else one copy, two for what is over GROWTH_START_BYTES.
 */
import { CacheError } from "../errors.ts";
import type { IncomingMessage } from "./call.ts";

/** Up to this size room is made at once. */
const GROWTH_START_BYTES = 64 * 1024;

/**
 * Collects `message`.
 * @throws {CacheError} OBJECT_TOO_LARGE when it is over `sizeBytesMax`, before anything is read
 */
export async function joinMessage(message: IncomingMessage, sizeBytesMax: number): Promise<Buffer> {
  const { sizeBytes } = message;
  if (sizeBytes > sizeBytesMax) {
    throw new CacheError("OBJECT_TOO_LARGE", "the message is larger than this method takes", {
      facts: { sizeBytes, sizeBytesMax },
    });
  }
  if (sizeBytes === 0) return Buffer.alloc(0);
  const first = await message.read();
  if (first?.length === 1 && first[0]!.length === sizeBytes) return first[0]!;

  let joined: Buffer = Buffer.allocUnsafeSlow(Math.min(sizeBytes, GROWTH_START_BYTES));
  let length = 0;
  for (let chunks = first; chunks !== null; chunks = await message.read()) {
    for (const chunk of chunks) {
      if (length + chunk.length > joined.length) joined = grown(joined, length, chunk.length, sizeBytes);
      length += chunk.copy(joined, length);
    }
  }
  return joined;
}

function grown(joined: Buffer, length: number, more: number, sizeBytes: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.min(sizeBytes, Math.max(2 * joined.length, length + more)));
  joined.copy(larger, 0, 0, length);
  return larger;
}
