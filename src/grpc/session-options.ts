/**
 * Settings of the clients' HTTP/2 sessions.
 *
 * The stream window is part of the settings; the session window has to be raised on the session
 * itself. The defaults of 64 KiB reduce the throughput by two thirds.
 */
import type { Http2Session, Settings } from "node:http2";
import { LIMITS } from "../limits.ts";

const MEGABYTE = 1_000_000;

const SETTINGS: Settings = {
  initialWindowSize: LIMITS.clientStreamWindowBytes,
  maxHeaderListSize: LIMITS.callMetadataBytesMax,
};

export const CLIENT_SESSION_OPTIONS = {
  settings: { ...SETTINGS, enablePush: false },
  // Node adds up headers, one session window of data, and the send queue. Above this it refuses
  // streams.
  maxSessionMemory: Math.ceil(
    (LIMITS.streamsPerSessionMax * LIMITS.callMetadataBytesMax +
      LIMITS.clientSessionWindowBytes +
      LIMITS.clientSessionSendBytesMax) /
      MEGABYTE,
  ),
};

/** Raises the window of the whole connection, which the settings cannot. */
export function openSessionWindow(session: Http2Session): void {
  if (!session.destroyed) session.setLocalWindowSize(LIMITS.clientSessionWindowBytes);
}
