/**
 * Peers that say what they have to say a byte at a time: a preface, a header block.
 *
 * They are never silent, so that no time-out on silence ends them; a deadline on the whole has to.
 */
import * as h2 from "../../support/http2-frames.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { complainOfOpen, openMany, peerAddress } from "../raw-connection.ts";

const CONNECTIONS = 500;
const PEERS = 10;
/** The deadlines of both are 10 s. */
const CLOSED_AT_SECONDS = 14;

async function dribble(run: AttackRun, bytes: Buffer, isSilent: boolean): Promise<void> {
  const connections = await openMany(run.target, run.scaled(CONNECTIONS), (i) => ({
    from: peerAddress(i % PEERS),
    isSilent,
  }));
  for (let at = 0; at < bytes.length && !run.isOver; at += 1) {
    for (const each of connections) if (!each.isClosed) void each.send(bytes.subarray(at, at + 1));
    await run.pause(1);
  }
  await run.hold();
  complainOfOpen(run, connections, CLOSED_AT_SECONDS);
}

export const DRIBBLES: readonly Attack[] = [
  {
    name: "dribbled-preface",
    part: "slots",
    what: "500 connections of 10 peers send a byte of their preface each second",
    seconds: 17,
    attack: (run) => dribble(run, h2.PREFACE, true),
  },
  {
    name: "dribbled-headers",
    part: "slots",
    what: "500 connections of 10 peers send a byte of a header block each second",
    seconds: 17,
    attack: (run) => dribble(run, h2.callHeaders(1, "/a-path-that-is-long-enough"), false),
  },
];
