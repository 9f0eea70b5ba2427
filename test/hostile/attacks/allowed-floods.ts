/**
 * Floods that stay just under the limits of a connection, on many connections at once.
 *
 * A limit per second and connection is no bound on what all of them cost together.
 */
import { LIMITS } from "../../../src/limits.ts";
import * as hpack from "../../support/hpack-blocks.ts";
import * as h2 from "../../support/http2-frames.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { openMany, peerAddress, type RawConnection } from "../raw-connection.ts";
import { getRequest, PATHS, streamOf } from "../requests.ts";
import { peerFloods } from "./peer-floods.ts";

const TICK_SECONDS = 0.1;
const SHARE = 0.9;
/** A call that stays open. */
const WATCHED = 1;

/** Each tick every connection sends its share of `perSecond` parts. */
async function flood(
  run: AttackRun,
  { connections, perSecond }: { readonly connections: number; readonly perSecond: number },
  part: (number: number) => Buffer,
): Promise<void> {
  const opened = await openMany(run.target, run.scaled(connections), (i) => ({ from: peerAddress(i) }));
  await Promise.all(opened.map((each) => each.call(WATCHED, PATHS.watch)));
  const perTick = Math.floor(perSecond * SHARE * TICK_SECONDS);
  let number = 0;
  while (!run.isOver) {
    const begunMs = performance.now();
    const parts = Buffer.concat(Array.from({ length: perTick }, () => part(number++)));
    await Promise.race([Promise.all(opened.map((each) => each.send(parts))), run.hold()]);
    await run.pause(TICK_SECONDS - (performance.now() - begunMs) / 1000);
  }
  const closed = opened.filter((each) => each.isClosed).length;
  run.note(`${number} parts on each of ${opened.length} connections, ${closed} closed by the server`);
}

const EMPTY = [
  () => h2.frame(h2.FRAME.data, 0, WATCHED),
  () => h2.frame(h2.FRAME.priority, 0, 99, Buffer.from([0, 0, 0, 0, 9])),
  () => h2.frame(77, 0, 0),
];

/** A call that is reset before it can be answered. */
function resetGet(number: number): Buffer {
  const stream = streamOf(number + 1);
  return Buffer.concat([
    h2.callHeaders(stream, PATHS.get),
    h2.frame(h2.FRAME.data, h2.END_STREAM, stream, getRequest("honest/warm/0")),
    h2.reset(stream),
  ]);
}

const REFERENCES = 1_000;
const CALLS_AT_ONCE = 200;
/** `accept-encoding: gzip, deflate` of the static table, a byte each. */
const STATIC_REFERENCES = Buffer.concat(Array.from({ length: REFERENCES }, () => hpack.indexed(16)));
/** One entry of nearly the whole table, and references to it. */
const LARGE_ENTRY = hpack.added("x-large", "v".repeat(3_900));
const LARGE_REFERENCES = Buffer.concat(Array.from({ length: 15 }, () => hpack.indexed(62)));

/** A call whose block is short and whose fields are many, and different from the last one. */
function referringCall(number: number, references: Buffer): Buffer {
  const fields = h2.headerBlock([
    [":path", "/no.such/Method"],
    ...h2.CALL_HEADERS,
    ["x-number", `${number}`],
  ]);
  const flags = h2.END_HEADERS | h2.END_STREAM;
  return h2.frame(h2.FRAME.headers, flags, streamOf(number), Buffer.concat([fields, references]));
}

async function refer(run: AttackRun, connection: RawConnection): Promise<number> {
  const first = Buffer.concat([
    h2.headerBlock([[":path", "/no.such/Method"], ...h2.CALL_HEADERS]),
    LARGE_ENTRY,
  ]);
  await connection.send(h2.frame(h2.FRAME.headers, h2.END_HEADERS | h2.END_STREAM, streamOf(0), first));
  let number = 1;
  while (!run.isOver && !connection.isClosed) {
    const calls = Array.from({ length: CALLS_AT_ONCE }, () =>
      referringCall(number, number++ % 2 === 0 ? STATIC_REFERENCES : LARGE_REFERENCES),
    );
    if (!(await connection.send(...calls))) break;
    while (!run.isOver && !connection.isClosed && connection.ended.size < number) await run.pause(0.001);
  }
  return number;
}

export const ALLOWED_FLOODS: readonly Attack[] = [
  ...peerFloods({
    name: "header-references",
    what: "sends calls of 1,000 one-byte references to header fields",
    unit: `calls of up to ${REFERENCES} references`,
    send: refer,
  }),
  {
    name: "empty-frames",
    part: "processor",
    what: "32 connections of 32 peers send nine tenths of the empty frames they may",
    seconds: 6,
    attack: (run) =>
      flood(run, { connections: 32, perSecond: LIMITS.idleFramesPerSecondMax }, (i) => EMPTY[i % 3]!()),
  },
  {
    name: "window-updates",
    part: "processor",
    what: "32 connections of 32 peers send nine tenths of the WINDOW_UPDATEs they may",
    seconds: 6,
    attack: (run) =>
      flood(run, { connections: 32, perSecond: LIMITS.idleFramesPerSecondMax }, (i) =>
        h2.windowUpdate(i % 2 === 0 ? 0 : WATCHED, 1),
      ),
  },
  {
    name: "rapid-resets",
    part: "processor",
    what: "32 connections of 32 peers begin and reset nine tenths of the gets they may",
    seconds: 6,
    attack: (run) => flood(run, { connections: 32, perSecond: 200 }, resetGet),
  },
];
