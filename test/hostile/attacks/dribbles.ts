/**
 * Peers that say what they have to say a byte at a time: a preface, a header block.
 *
 * They are never silent, so that no time-out on silence ends them; a deadline on the whole has to.
 */
import * as h2 from "../../support/http2-frames.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { openMany, peerAddress } from "../raw-connection.ts";

const CONNECTIONS = 500;
const PEERS = 10;

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
  const open = connections.filter((each) => !each.isClosed).length;
  if (open > 0) run.complain(`${open} of ${connections.length} connections that dribble are still open`);
}

export const DRIBBLES: readonly Attack[] = [
  {
    name: "dribbled-preface",
    part: "slots",
    what: "500 connections of 10 peers send a byte of their preface each second",
    seconds: 15,
    attack: (run) => dribble(run, h2.PREFACE, true),
  },
  {
    name: "dribbled-headers",
    part: "slots",
    what: "500 connections of 10 peers send a byte of a header block each second",
    seconds: 22,
    attack: (run) => dribble(run, h2.callHeaders(1, "/a-path-that-is-long-enough"), false),
  },
];
