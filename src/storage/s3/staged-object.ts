/**
 * An object file, or a patch, on its way to a bucket: a sink whose version may change after its
 * bytes are stored.
 *
 * What a writer reserves stays in memory, with the bytes before the first reservation: the head.
 * Everything else up to the first `overwrite` is body, in memory or in blobs. What follows is the
 * tail, which `rewind` drops, so that the writer can finish the file with another version and the
 * body is not uploaded again.
 */
import { assert, CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import type { ByteSink } from "../../object/byte-sink.ts";
import type { Span } from "./manifest.ts";
import type { Frame } from "./object-changes.ts";
import type { FinishedBody, StagedBody } from "./staged-body.ts";

/** Bytes that the writer replaces. */
interface Gap {
  readonly position: number;
  readonly bytes: Buffer;
}

const NOTHING: Span = { kind: "inline", bytes: new Uint8Array(0) };

export class StagedObject implements ByteSink {
  readonly #openBody: () => StagedBody;
  /** The head up to the first gap. */
  readonly #head: Uint8Array[] = [];
  readonly #gaps: Gap[] = [];
  /** What follows the first gap, in order. */
  readonly #pieces: (StagedBody | Gap)[] = [];
  readonly #finished = new Map<StagedBody, FinishedBody>();
  #body: StagedBody | undefined;
  #ending: Promise<void> | undefined;
  #tail: Uint8Array[] | undefined;
  #bodyEnd = 0;
  /** True while a manifest may refer to the blobs. */
  isReferred = false;
  sizeBytes = 0;

  constructor(openBody: () => StagedBody) {
    this.#openBody = openBody;
  }

  append(chunks: readonly Uint8Array[]): Promise<void> | undefined {
    let bytes = 0;
    for (const chunk of chunks) bytes += chunk.length;
    this.sizeBytes += bytes;
    if (this.#tail !== undefined) this.#tail.push(...chunks);
    else if (this.#gaps.length === 0) this.#head.push(...chunks);
    else if (bytes > 0) return this.#opened().append(chunks);
    return undefined;
  }

  /** @throws {CacheError} OBJECT_TOO_LARGE */
  reserve(sizeBytes: number): Promise<void> | undefined {
    const gap = { position: this.sizeBytes, bytes: Buffer.alloc(sizeBytes) };
    if (2 * this.#gaps.length + 4 > LIMITS.contentSpansMax) {
      throw new CacheError("OBJECT_TOO_LARGE", "the value has too many pieces of 2 GiB for one object");
    }
    this.#gaps.push(gap);
    if (this.#gaps.length > 1) this.#pieces.push(gap);
    this.sizeBytes += sizeBytes;
    return this.#endBody();
  }

  overwrite(position: number, bytes: Uint8Array): Promise<void> | undefined {
    const gap = this.#gaps.find((each) => each.position === position);
    assert(gap?.bytes.length === bytes.length, "only reserved bytes are overwritten");
    gap.bytes.set(bytes);
    if (this.#tail !== undefined) return undefined;
    this.#tail = [];
    this.#bodyEnd = this.sizeBytes;
    return this.#endBody();
  }

  /** Drops the tail; the writer finishes again. */
  rewind(): void {
    assert(this.#tail !== undefined, "a file is finished before it is finished again");
    this.#tail = [];
    this.sizeBytes = this.#bodyEnd;
  }

  /** The body of a finished file; of several blobs, the age of the first. */
  get body(): FinishedBody {
    const [first] = this.#finished.values();
    assert(first !== undefined, "a file is finished before it is put");
    return { ...first, span: this.#spans.at(0) ?? NOTHING };
  }

  /** What the writer wrote last. */
  get frame(): Frame {
    const head = Buffer.concat([...this.#head, ...this.#gaps.slice(0, 1).map(({ bytes }) => bytes)]);
    return { head, body: this.#spans, tail: Buffer.concat(this.#tail ?? []) };
  }

  /** Releases memory. Removes what is stored, unless a manifest may refer to it. A failure leaves garbage. */
  async discard(): Promise<void> {
    const bodies = this.#pieces.flatMap((piece) => (isGap(piece) ? [] : [piece]));
    if (this.isReferred) {
      for (const body of bodies) body.release();
      return;
    }
    await Promise.allSettled([this.#ending]);
    await Promise.allSettled(bodies.map((body) => body.discard()));
  }

  get #spans(): readonly Span[] {
    return this.#pieces.map(
      (piece): Span =>
        isGap(piece)
          ? { kind: "inline", bytes: Uint8Array.from(piece.bytes) }
          : this.#finished.get(piece)!.span,
    );
  }

  #opened(): StagedBody {
    if (this.#body !== undefined) return this.#body;
    this.#body = this.#openBody();
    this.#pieces.push(this.#body);
    return this.#body;
  }

  /** The writer appends nothing before it resolves. */
  #endBody(): Promise<void> | undefined {
    const body =
      this.#body ?? (this.#tail !== undefined && this.#pieces.length === 0 ? this.#opened() : undefined);
    if (body === undefined) return undefined;
    this.#body = undefined;
    this.#ending = body.finish().then((finished) => void this.#finished.set(body, finished));
    return this.#ending;
  }
}

function isGap(piece: StagedBody | Gap): piece is Gap {
  return "position" in piece;
}
