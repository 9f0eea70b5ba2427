/**
 * What a command needs of the process around it, handed in so that tests can hand in something else.
 */
import type { CacheConfig } from "../config/cache-config.ts";
import type { LogStream } from "../log.ts";

export interface StartedServer {
  /** `grpc://HOST:PORT` or `grpc+tls://HOST:PORT`, whatever is advertised. */
  readonly listening: string;
  /** Drains; resolves when nothing is left open. */
  stop(): Promise<void>;
}

export interface OutputStream {
  readonly isTTY?: boolean;
  /** Width of the terminal. */
  readonly columns?: number;
  /** `sent` is called when the stream takes more, or with the error when nobody reads it any more. */
  write(chunk: string | Uint8Array, sent?: (error?: Error | null) => void): unknown;
}

export interface InputStream extends AsyncIterable<Uint8Array> {
  readonly isTTY?: boolean;
}

export interface CommandContext {
  readonly version: string;
  readonly stdin: InputStream;
  readonly stdout: OutputStream;
  readonly stderr: LogStream & { readonly columns?: number };
  /** Undefined: the environment of the process, which only the config room reads. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
  startServer(config: CacheConfig): Promise<StartedServer>;
  /** Begins to listen for a request to stop; resolves with its name, such as SIGTERM. */
  stopRequested(): Promise<string>;
}
