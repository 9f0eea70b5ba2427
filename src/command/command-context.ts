/**
 * What a command needs of the process around it, handed in so that tests can hand in something else.
 */
import type { CacheConfig } from "../config/cache-config.ts";
import type { LogStream } from "../log.ts";

export interface StartedServer {
  /** As advertised: `grpc://HOST:PORT` or `grpc+tls://HOST:PORT`. */
  readonly endpoint: string;
  /** Drains; resolves when nothing is left open. */
  stop(): Promise<void>;
}

export interface CommandContext {
  readonly version: string;
  readonly stdout: { write(text: string): unknown };
  readonly stderr: LogStream;
  /** Undefined: the environment of the process, which only the config room reads. */
  readonly env: Readonly<Record<string, string | undefined>> | undefined;
  startServer(config: CacheConfig): Promise<StartedServer>;
  /** Begins to listen for a request to stop; resolves with its name, such as SIGTERM. Called by `serve` only. */
  stopRequested(): Promise<string>;
}
