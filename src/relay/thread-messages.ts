/**
 * Messages between a connection thread and its host, other than those of streams. Types only.
 *
 *     host    workerData ConnectionThreadOptions, then commands; one report answers each, in order
 *     thread  reports; at any time also log lines, and "empty" when its last connection closed
 */
import type { ServerTls } from "../grpc/server-transport.ts";
import type { ForwardedLine, LogThreshold } from "../log.ts";
import type { RelayMessage } from "./relay-message.ts";

export interface ConnectionThreadOptions {
  readonly tls: ServerTls | undefined;
  /** Number of the thread, from 0: its slot in `counts`. */
  readonly thread: number;
  readonly counts: Int32Array;
  readonly logThreshold: LogThreshold;
  /** For all threads together. */
  readonly connectionsMax: number | undefined;
  /** Memory that the connections of this thread may hold. */
  readonly callsMemoryBytes: number;
}

export type ThreadCommand =
  | { readonly command: "listen"; readonly host: string; readonly port: number }
  /** Accept no new connections and no new streams. */
  | { readonly command: "drain" }
  | { readonly command: "destroyConnections" }
  /** Use this certificate and key for new connections. */
  | { readonly command: "setTls"; readonly tls: ServerTls }
  /** End the thread. */
  | { readonly command: "end" };

export type ThreadReport =
  | { readonly report: "done"; readonly port: number }
  | { readonly report: "refused"; readonly error: Error }
  | { readonly report: "empty" }
  | { readonly report: "log"; readonly line: ForwardedLine };

export type FromThread = RelayMessage | ThreadReport;
export type ToThread = RelayMessage | ThreadCommand;

/** Messages of streams are arrays; all others are objects. */
export function isRelayMessage(message: FromThread | ToThread): message is RelayMessage {
  return Array.isArray(message);
}
