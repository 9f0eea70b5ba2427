/**
 * What a server makes of frames by hand, told in few words: `connection PROTOCOL_ERROR`, `stream CANCEL`, `answered`, `ignored`.
 *
 * Nothing waits for a time: each verdict is the arrival of a frame or the end of the connection, and a connection on which
 * nothing moves for too long is ended.
 */
import { HTTP2_ERROR_CODES } from "../../src/http2/http2-error.ts";
import { type RawPeer, rawPeer } from "./attack.ts";
import * as h2 from "./http2-frames.ts";

const SILENCE_MS_MAX = 15_000;
const { FRAME } = h2;

const codeNames = new Map<number, string>(
  Object.entries(HTTP2_ERROR_CODES).map(([name, code]) => [code, name]),
);

/** A connection that has said nothing; one on which nothing moves is destroyed. */
export function boundedPeer(port: number): RawPeer {
  const peer = rawPeer(port);
  peer.socket.setTimeout(SILENCE_MS_MAX, () => void peer.socket.destroy());
  return peer;
}

/** A connection that has sent preface and settings, and acknowledged the server's. */
export async function openedPeer(port: number, ...ours: readonly h2.Setting[]): Promise<RawPeer> {
  const peer = boundedPeer(port);
  await peer.send(h2.PREFACE, h2.settings(...ours));
  await until(peer, () => peer.frames.some(({ type }) => type === FRAME.settings));
  await peer.send(h2.frame(FRAME.settings, h2.ACK, 0));
  return peer;
}

/** Waits until `isSo`, or until the connection is at its end; gives what it was then. */
export function until(peer: RawPeer, isSo: () => boolean): Promise<boolean> {
  const { socket } = peer;
  if (isSo() || socket.destroyed || socket.readableEnded) return Promise.resolve(isSo());
  return new Promise((resolve) => {
    const look = (): void => {
      if (isSo()) settle();
    };
    const settle = (): void => {
      socket.off("data", look).off("end", settle).off("close", settle);
      resolve(isSo());
    };
    socket.on("data", look).on("end", settle).on("close", settle);
  });
}

function goodbyeOf({ frames }: RawPeer): h2.Frame | undefined {
  return frames.find(({ type, payload }) => type === FRAME.goaway && payload.readUInt32BE(4) !== 0);
}

function resetOf({ frames }: RawPeer, stream: number): h2.Frame | undefined {
  return frames.find((each) => each.type === FRAME.reset && each.stream === stream);
}

/** True when the server has ended its side of `stream`. */
export function isAnswered({ frames }: RawPeer, stream: number): boolean {
  return frames.some(
    (each) =>
      each.stream === stream &&
      (each.type === FRAME.headers || each.type === FRAME.data) &&
      (each.flags & h2.END_STREAM) !== 0,
  );
}

/** All DATA of `stream`, joined. */
export function dataOf({ frames }: RawPeer, stream: number): Buffer {
  const parts = frames.filter((each) => each.type === FRAME.data && each.stream === stream);
  return Buffer.concat(parts.map(({ payload }) => payload));
}

/** The first of these that happens: the connection ends with an error, `stream` is reset, or it is answered. */
export async function verdictOn(peer: RawPeer, stream: number): Promise<string> {
  const reset = () => resetOf(peer, stream);
  await until(peer, () => goodbyeOf(peer) !== undefined || reset() !== undefined || isAnswered(peer, stream));
  const goodbye = goodbyeOf(peer);
  if (goodbye !== undefined) return `connection ${codeNames.get(goodbye.payload.readUInt32BE(4))}`;
  const reason = reset()?.payload.readUInt32BE(0);
  // RST_STREAM with NO_ERROR stands behind a whole answer.
  if (reason !== undefined && reason !== 0) return `stream ${codeNames.get(reason)}`;
  return isAnswered(peer, stream) ? "answered" : "closed";
}

/** `ignored` when a call that is made now, on `stream`, is answered and nothing else has happened. */
export async function verdictOfNext(peer: RawPeer, stream: number): Promise<string> {
  await peer.send(
    h2.callHeaders(stream, "/test.Echo/Unary"),
    h2.messageData(stream, Buffer.from("next"), h2.END_STREAM),
  );
  const verdict = await verdictOn(peer, stream);
  const reset = peer.frames.find(
    ({ type, payload }) => type === FRAME.reset && payload.readUInt32BE(0) !== 0,
  );
  if (reset !== undefined) return `stream ${codeNames.get(reset.payload.readUInt32BE(0))}`;
  return verdict === "answered" ? "ignored" : verdict;
}
