/**
 * The transport of a server: listening addresses, connections, and their streams.
 *
 * The contract between the gRPC server, which runs calls and shuts them down, and the owner of the
 * sockets: this thread (local-transport.ts) or other threads.
 */
import type { CallMemory } from "../http2/call-memory.ts";
import type { TakeStream } from "./call-stream.ts";
import type { ListenAddress } from "./listeners.ts";

/** All in PEM. */
export interface ServerTls {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Completes the chain of `cert`. */
  readonly ca?: Buffer;
  /** Absent: the server requests no client certificates. */
  readonly clients?: ClientAuthority;
}

/** Which client certificates a server accepts. */
export interface ClientAuthority {
  /** The certificate authorities that it trusts, and no others. */
  readonly ca: Buffer;
  /** False: a client may present none. One that does not verify is refused in any case. */
  readonly isRequired: boolean;
}

/** Receives the events of a transport. */
export interface TransportListener {
  readonly onStream: TakeStream;
  /** The last connection has closed. */
  readonly onEmpty: () => void;
}

export interface ServerTransport {
  /** Open connections, including those that have not started HTTP/2. */
  readonly connections: number;
  /** Connections that were closed at once because the limit was reached, since the start. */
  readonly refusedConnections: number;
  /** Listens on one more address; port 0 picks a free port. Rejects with the system error. */
  listen(host: string, port: number): Promise<ListenAddress>;
  /**
   * Accepts no new connections and streams. A connection closes when its streams have ended.
   * Resolves when no more streams can arrive.
   */
  drain(): Promise<void> | undefined;
  /**
   * Replaces certificates and keys for new connections; existing ones stay as they are. Whether the
   * server requests client certificates cannot change. A promise resolves when all threads use them.
   * @throws if certificate and key cannot be used; then nothing changes.
   */
  setTls(tls: ServerTls): Promise<void> | undefined;
  destroyConnections(): void;
  /** Releases everything else, and closes remaining connections. */
  close(): Promise<void> | undefined;
}

/** @param memory the account of this thread's calls */
export type OpenTransport = (listener: TransportListener, memory: CallMemory) => ServerTransport;
