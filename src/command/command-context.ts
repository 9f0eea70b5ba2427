/**
 * What a command needs from its process: streams, environment, signals and the server.
 *
 * cli.ts passes the real ones, tests pass replacements.
 */
import type { CacheConfig } from "../config/cache-config.ts";
import type { LoadedCacheConfig } from "../config/load-cache-config.ts";
import type { LogStream } from "../log.ts";
import type { CopySummary, CopyWatch, StoresToCopy } from "../service/copy-stores.ts";

export interface StartedServer {
  /** `grpc://HOST:PORT` or `grpc+tls://HOST:PORT` of the listener, not the advertised endpoint. */
  readonly listening: string;
  /** The URL of the admin listener, if there is one. */
  readonly admin?: string | undefined;
  /** Drains; resolves when everything is closed. */
  stop(): Promise<void>;
  /** Reads the access file and the TLS files again. */
  reload(): Promise<void>;
}

export interface OutputStream {
  readonly isTTY?: boolean;
  /** Width of the terminal. */
  readonly columns?: number;
  /** Height of the terminal. */
  readonly rows?: number;
  /** Whether the terminal supports colours. */
  hasColors?(): boolean;
  /** `sent` is called when the stream accepts more, or with an error if the reader closed it. */
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
  /** Undefined: the environment of the process, which only src/config reads. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
  startServer(config: CacheConfig, sources?: LoadedCacheConfig["sources"]): Promise<StartedServer>;
  /** As in service/copy-stores.ts. */
  copyStores(stores: StoresToCopy, watch: CopyWatch): Promise<CopySummary>;
  /** Installs signal handlers; resolves with the name of the first signal, such as SIGTERM. */
  stopRequested(): Promise<string>;
  /** Calls the listener for each SIGHUP, which by default ends the process. */
  onHangup(listener: () => void): void;
}
