/**
 * How the HTTP/2 sessions of clients are set up.
 *
 * The stream window goes with the settings; the session window has to be raised on the session itself, and the defaults
 * of 64 KiB cost two thirds of the throughput.
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
  // Node counts headers, the data of one session window, and what waits to be sent together; over it, it refuses streams.
  maxSessionMemory: Math.ceil(
    (LIMITS.streamsPerSessionMax * LIMITS.callMetadataBytesMax +
      LIMITS.clientSessionWindowBytes +
      LIMITS.clientSessionSendBytesMax) /
      MEGABYTE,
  ),
};

/** Raises the window of the whole connection; the settings cannot. */
export function openSessionWindow(session: Http2Session): void {
  if (!session.destroyed) session.setLocalWindowSize(LIMITS.clientSessionWindowBytes);
}
