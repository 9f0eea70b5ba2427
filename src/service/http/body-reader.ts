/**
 * Reads the body of a request piece by piece, at the pace of the reader.
 *
 * Chunks are passed on as views; very small ones are gathered first, because a view costs more memory
 * than a few bytes. What arrives ahead is bounded (arriving-body.ts). A client that waits for
 * `100 Continue` gets it with the first read, so a request that is refused earlier sends no body.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { ArrivingBody } from "./arriving-body.ts";
import type { Transfer } from "./transfers.ts";

const GATHERED_BYTES = LIMITS.smallChunkBytes;

export class BodyReader {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #transfer: Transfer;
  readonly #body: ArrivingBody;
  #wake: () => void = () => {};
  #hasBegun = false;
  /** Read from the request and not taken: at most two pieces. */
  readonly #waiting: Buffer[] = [];

  constructor(request: IncomingMessage, response: ServerResponse, transfer: Transfer) {
    this.#request = request;
    this.#response = response;
    this.#transfer = transfer;
    this.#body = ArrivingBody.of(request);
  }

  /**
   * The next bytes, at most `countMax`; undefined at the end.
   * @throws {CacheError} CANCELLED if the peer disconnects inside the body; the reason of the
   *   transfer if it is over.
   */
  async next(countMax: number = Number.POSITIVE_INFINITY): Promise<Buffer | undefined> {
    const bytes = this.#waiting.shift() ?? (await this.#gather());
    if (bytes === undefined || bytes.length <= countMax) return bytes;
    this.#waiting.unshift(bytes.subarray(countMax));
    return bytes.subarray(0, countMax);
  }

  /**
   * Exactly the next `count` bytes, fewer only at the end; a copy if they come in several chunks.
   * Memory is taken as they arrive, not for what the peer announces.
   */
  async exactly(count: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let bytes = 0;
    while (bytes < count) {
      const part = await this.next(count - bytes);
      if (part === undefined) break;
      parts.push(part);
      bytes += part.length;
    }
    return parts.length === 1 ? parts[0]! : Buffer.concat(parts, bytes);
  }

  /** The next chunk, joined with its followers as long as they are small. */
  async #gather(): Promise<Buffer | undefined> {
    const first = await this.#chunk();
    if (first === undefined || first.length >= LIMITS.receiveViewBytesMin) return first;
    const gathered = Buffer.allocUnsafe(GATHERED_BYTES);
    let bytes = first.copy(gathered);
    for (;;) {
      const chunk = await this.#chunk();
      if (chunk === undefined) return gathered.subarray(0, bytes);
      const room = gathered.subarray(bytes);
      bytes += chunk.copy(room);
      if (chunk.length < room.length) continue;
      if (chunk.length > room.length) this.#waiting.push(chunk.subarray(room.length));
      return gathered;
    }
  }

  async #chunk(): Promise<Buffer | undefined> {
    if (!this.#hasBegun) this.#begin();
    for (;;) {
      this.#transfer.signal.throwIfAborted();
      const chunk = this.#body.next();
      if (chunk !== undefined) {
        this.#transfer.moved(chunk.length);
        return chunk;
      }
      if (this.#body.hasEnded) return this.#atEnd();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  #begin(): void {
    this.#hasBegun = true;
    const wake = (): void => this.#wake();
    this.#body.onChange = wake;
    this.#transfer.signal.addEventListener("abort", wake);
    if (expectsContinue(this.#request)) this.#response.writeContinue();
  }

  #atEnd(): undefined {
    if (this.#request.complete) return undefined;
    throw new CacheError("CANCELLED", "the connection ended inside the body");
  }
}

export function expectsContinue({ headers }: IncomingMessage): boolean {
  return headers.expect?.toLowerCase() === "100-continue";
}
