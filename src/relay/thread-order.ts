/**
 * What a connection thread and its host say to each other beside the streams. Types only.
 *
 *     host    workerData ThreadOrder, then commands, each of which is answered by one report, in order
 *     thread  reports, and at any time word that its last connection is gone, or a line of its log
 */
import type { ServerTls } from "../grpc/entrance.ts";
import type { ForwardedLine, LogThreshold } from "../log.ts";
import type { RelayMessage } from "./relay-message.ts";

export interface ThreadOrder {
  readonly tls: ServerTls | undefined;
  /** Which thread it is, counted from 0: its place in `places`. */
  readonly thread: number;
  readonly places: Int32Array;
  readonly logThreshold: LogThreshold;
  /** Of all threads together. */
  readonly connectionsMax: number | undefined;
  /** What its connections may make it hold. */
  readonly callsMemoryBytes: number;
}

export type ThreadCommand =
  | { readonly command: "listen"; readonly host: string; readonly port: number }
  /** No new connections, no new streams. */
  | { readonly command: "leave" }
  | { readonly command: "destroyConnections" }
  /** The thread ends by itself. */
  | { readonly command: "end" };

export type ThreadReport =
  | { readonly report: "done"; readonly port: number }
  | { readonly report: "refused"; readonly error: Error }
  | { readonly report: "empty" }
  | { readonly report: "log"; readonly line: ForwardedLine };

export type FromThread = RelayMessage | ThreadReport;
export type ToThread = RelayMessage | ThreadCommand;

/** Streams' messages are lists, everything else is an object. */
export function isRelayMessage(message: FromThread | ToThread): message is RelayMessage {
  return Array.isArray(message);
}
