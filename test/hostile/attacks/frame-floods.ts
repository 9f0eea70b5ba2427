/**
 * Floods of small frames: each is legal, and costs the server many times what it costs to send.
 *
 * All of them keep to the windows, and to the limits on frames that bring nothing.
 */
import * as h2 from "../../support/http2-frames.ts";
import type { AttackRun } from "../attack-run.ts";
import type { RawConnection } from "../raw-connection.ts";
import { announcedPut, PATHS } from "../requests.ts";
import { peerFloods } from "./peer-floods.ts";

const MIB = 2 ** 20;
const FRAMES_PER_WRITE = 4_096;

/** Version and offsets of a value of 16 MiB. */
const OFFSETS = Buffer.alloc(16);
OFFSETS.writeInt32LE(16 * MIB, 12);

/** DATA frames of one byte each. */
function oneByteFrames(stream: number): Buffer {
  const one = h2.frame(h2.FRAME.data, 0, stream, Buffer.from([7]));
  return Buffer.concat(Array.from({ length: FRAMES_PER_WRITE }, () => one));
}

/** A put whose value comes a byte at a time; all but its first bytes. */
async function putByBytes(run: AttackRun, connection: RawConnection, number: number): Promise<number> {
  // The version and the offsets come first, and whole.
  const start = Buffer.concat([announcedPut(`bytes-${number}`, 16 * MIB), OFFSETS]);
  await connection.call(1, PATHS.put, start);
  const flood = oneByteFrames(1);
  const one = flood.length / FRAMES_PER_WRITE;
  let sent = 0;
  while (!run.isOver && sent < 15 * MIB) {
    const frames = await connection.takeWindow(1, FRAMES_PER_WRITE);
    if (frames === undefined || !(await connection.send(flood.subarray(0, frames * one)))) break;
    sent += frames;
  }
  return sent;
}

export const FRAME_FLOODS = peerFloods({
  name: "one-byte-data",
  what: "puts a value in DATA frames of one byte",
  unit: "frames of one byte",
  send: putByBytes,
});
