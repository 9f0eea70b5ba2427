/**
 * What the load generator is asked, a line of JSON each, and what it answers: the words between it and measure-load.ts.
 *
 * Keys and bodies are made once (frames.py) and sent with each task: the generator keeps nothing between tasks.
 */

export interface LoadKey {
  readonly name: string;
  /** What stands before the body in a put of this key, hexadecimal. */
  readonly head: string;
  /** The whole get request, hexadecimal. */
  readonly get: string;
}

export interface LoadObjects {
  /** What every put sends, hexadecimal. */
  readonly body: string;
  readonly keys: readonly LoadKey[];
}

export type LoadTarget =
  | { readonly kind: "flight"; readonly url: string }
  | { readonly kind: "redis"; readonly port: number }
  /** Files that are synced before they count as put, by the generator itself. */
  | { readonly kind: "files"; readonly directory: string };

/** Somebody to be asked. */
export interface LoadServer {
  readonly name: string;
  /** undefined for the generator itself. */
  readonly pid: number | undefined;
  readonly target: LoadTarget;
}

export interface LoadTask {
  readonly target: LoadTarget;
  readonly objects: LoadObjects;
  /** Of a value in Redis and in a file; in Flight it is within the body. */
  readonly sizeBytes: number;
  readonly clients: number;
  /** How many of a hundred calls are gets. */
  readonly getPercent: number;
  /** True: every key is put once before the time begins. */
  readonly isFilled: boolean;
  readonly durationMs: number;
}

export interface LoadResult {
  readonly callsPerSecond: number;
  /** One per call, milliseconds. */
  readonly getMs: readonly number[];
  readonly putMs: readonly number[];
  /** CPU time of the generator itself, as a part of the time that passed. */
  readonly generatorLoad: number;
}

/** One client of a server: one call under way at a time. */
export interface Caller {
  put(key: number): Promise<void>;
  get(key: number): Promise<void>;
  close(): void;
}
