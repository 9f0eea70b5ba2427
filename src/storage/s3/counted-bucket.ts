/**
 * A bucket whose requests are counted, by kind and outcome.
 *
 * A request that the bucket repeats inside counts once. An upload counts once, whatever its parts.
 * Cost: one addition for each request.
 */
import type {
  Bucket,
  Condition,
  ListedKey,
  ReadOptions,
  ReadOutcome,
  Upload,
  WriteOutcome,
} from "../../s3/bucket.ts";
import type { StoreCount, StoreRequestKind } from "../storage-counts.ts";

export class CountedBucket implements Bucket {
  readonly #bucket: Bucket;
  readonly #counts = new Map<string, { kind: StoreRequestKind; outcome: string; count: number }>();

  readonly #kind: StoreRequestKind | undefined;

  /** @param kind counts all requests as this kind; default: each as its own. */
  constructor(bucket: Bucket, kind?: StoreRequestKind) {
    this.#bucket = bucket;
    this.#kind = kind;
  }

  /** Since the start. */
  get counts(): readonly StoreCount[] {
    return [...this.#counts.values()].map((each) => ({ ...each }));
  }

  read(key: string, options: ReadOptions): Promise<ReadOutcome> {
    return this.#counted("read", this.#bucket.read(key, options), ({ kind }) => kind);
  }

  readRange(
    key: string,
    position: number,
    lengthBytes: number,
    signal?: AbortSignal,
  ): Promise<Buffer | undefined> {
    const reading = this.#bucket.readRange(key, position, lengthBytes, signal);
    return this.#counted("read_range", reading, (bytes) => (bytes === undefined ? "missing" : "found"));
  }

  write(key: string, chunks: readonly Uint8Array[], condition?: Condition): Promise<WriteOutcome> {
    return this.#counted("write", this.#bucket.write(key, chunks, condition), ({ kind }) => kind);
  }

  upload(key: string): Upload {
    const upload = this.#bucket.upload(key);
    return {
      append: (chunks) => upload.append(chunks),
      finish: () => this.#counted("upload", upload.finish(), () => "done"),
      abort: () => upload.abort(),
    };
  }

  remove(key: string, ifMatch?: string): Promise<WriteOutcome> {
    return this.#counted("remove", this.#bucket.remove(key, ifMatch), ({ kind }) => kind);
  }

  removeMany(keys: readonly string[]): Promise<void> {
    return this.#counted("remove_many", this.#bucket.removeMany(keys), () => "done");
  }

  async *list(prefix: string, signal?: AbortSignal): AsyncGenerator<readonly ListedKey[]> {
    try {
      for await (const page of this.#bucket.list(prefix, signal)) {
        this.#count("list", "found");
        yield page;
      }
    } catch (error) {
      this.#count("list", "failed");
      throw error;
    }
  }

  async #counted<Outcome>(
    kind: StoreRequestKind,
    request: Promise<Outcome>,
    outcomeOf: (outcome: Outcome) => string,
  ): Promise<Outcome> {
    try {
      const outcome = await request;
      this.#count(kind, outcomeOf(outcome));
      return outcome;
    } catch (error) {
      this.#count(kind, "failed");
      throw error;
    }
  }

  #count(requestKind: StoreRequestKind, outcome: string): void {
    const kind = this.#kind ?? requestKind;
    const name = `${kind}/${outcome}`;
    const known = this.#counts.get(name);
    if (known === undefined) this.#counts.set(name, { kind, outcome, count: 1 });
    else known.count += 1;
  }
}
