/**
 * Where the calls of a server come from: addresses that are listened on, connections, and their streams.
 *
 * The contract between the gRPC server, which runs calls and ends them in order, and whoever has the sockets: this thread
 * (local-entrance.ts) or others.
 */
import type { CallMemory } from "../http2/call-memory.ts";
import type { TakeStream } from "./call-stream.ts";
import type { ListenAddress } from "./listeners.ts";

/** PEM. `ca` completes the chain of `cert`; clients are not asked for certificates. */
export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca?: Buffer;
}

/** Whom an entrance tells. */
export interface EntranceListener {
  readonly onStream: TakeStream;
  /** The last connection is gone. */
  readonly onEmpty: () => void;
}

export interface Entrance {
  /** Open connections, also those that do not speak HTTP/2 yet. */
  readonly connections: number;
  /** Listens on one more address; port 0 picks a free one. Rejects with the error of the system. */
  listen(host: string, port: number): Promise<ListenAddress>;
  /** Takes no new connections and no new streams; connections close when their streams have ended. Resolves when no more streams come. */
  leave(): Promise<void> | undefined;
  destroyConnections(): void;
  /** Lets go of what it holds beside its connections, which are gone or are cut by this. */
  close(): Promise<void> | undefined;
}

/** @param memory the account of the calls in this thread */
export type OpenEntrance = (listener: EntranceListener, memory: CallMemory) => Entrance;
