/**
 * How HTTP/2 sessions are set up, on both sides.
 *
 * The stream window goes with the settings; the session window has to be raised on the session itself, and the defaults
 * of 64 KiB cost two thirds of the throughput. Header and memory limits close what CVE-2019-9511 to 9518 and
 * CVE-2024-27983 open; node:http2 itself bounds CONTINUATION frames, empty frames and queued acknowledgements.
 */
import type { Http2Session, ServerOptions, Settings } from "node:http2";
import { LIMITS } from "../limits.ts";

const MEGABYTE = 1_000_000;

const SETTINGS: Settings = {
  initialWindowSize: LIMITS.streamWindowBytes,
  maxHeaderListSize: LIMITS.callMetadataBytesMax,
};

export const SERVER_SESSION_OPTIONS: ServerOptions = {
  settings: { ...SETTINGS, maxConcurrentStreams: LIMITS.streamsPerSessionMax },
  // Node counts headers, the data of one session window, and what waits to be sent together; over it, it refuses streams.
  maxSessionMemory: Math.ceil(
    (LIMITS.streamsPerSessionMax * LIMITS.callMetadataBytesMax +
      LIMITS.sessionWindowBytes +
      LIMITS.sessionSendBytesMax) /
      MEGABYTE,
  ),
};

export const CLIENT_SESSION_OPTIONS = {
  settings: { ...SETTINGS, enablePush: false },
  maxSessionMemory: SERVER_SESSION_OPTIONS.maxSessionMemory ?? 10,
};

/** Raises the window of the whole connection; the settings cannot. */
export function openSessionWindow(session: Http2Session): void {
  if (!session.destroyed) session.setLocalWindowSize(LIMITS.sessionWindowBytes);
}
