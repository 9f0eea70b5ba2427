/**
 * Peers that hold what costs them nothing: idle calls, answers unread or read by drops, calls that stand still.
 *
 * None of them sends more than its limits allow.
 */
import * as h2 from "../../support/http2-frames.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { HonestConnection } from "../honest-calls.ts";
import { openMany, openRaw, peerAddress } from "../raw-connection.ts";
import { begunField, FIELD, getRequest, grpcMessage, PATHS, streamOf } from "../requests.ts";

const MIB = 2 ** 20;
const OBJECTS = 64;
const DROP_BYTES = 1024;
const DROP_SECONDS = 0.1;
const IDLE_CALL_SECONDS = 5;
const keyOf = (number: number): string => `attack/s/medium-${number % OBJECTS}`;

async function putMedium({ target }: AttackRun): Promise<void> {
  const connection = new HonestConnection(target, "127.0.0.1", 60_000);
  for (let i = 0; i < OBJECTS; i += 1) await connection.put(keyOf(i), Buffer.alloc(4 * MIB, i));
  connection.close();
}

async function watchIdly(run: AttackRun): Promise<void> {
  const connections = await openMany(run.target, run.scaled(100), (i) => ({ from: peerAddress(i) }));
  const begin = Buffer.concat([grpcMessage(Buffer.alloc(0))]);
  for (let i = 0; i < 1_000 && !run.isOver; i += 1) {
    const stream = streamOf(i);
    const call = Buffer.concat([
      h2.callHeaders(stream, PATHS.watch),
      h2.frame(h2.FRAME.data, h2.END_STREAM, stream, begin),
    ]);
    await Promise.all(connections.map((each) => each.send(call)));
  }
  await run.hold();
  const ended = connections.reduce((sum, each) => sum + each.ended.size, 0);
  run.note(`${1_000 * connections.length - ended} idle calls were open at the end, ${ended} refused`);
}

async function pingDeaf(run: AttackRun): Promise<void> {
  const connection = await openRaw(run.target);
  connection?.socket.pause();
  let sent = 0;
  for (; sent < 100_000; sent += 2) {
    if (!(await connection?.send(h2.frame(h2.FRAME.ping, 0, 0, Buffer.alloc(8)), h2.settings([3, sent]))))
      break;
  }
  run.note(`${sent} PINGs and SETTINGS were sent`);
  await run.hold();
}

async function readByDrops(run: AttackRun): Promise<void> {
  const settings: h2.Setting[] = [[4, 16_384]];
  const connections = await openMany(run.target, run.scaled(200), (i) => ({
    from: peerAddress(i),
    settings,
  }));
  await Promise.all(
    connections.map((each, i) => each.call(1, PATHS.get, getRequest(keyOf(i)), h2.END_STREAM)),
  );
  const drop = Buffer.concat([h2.windowUpdate(0, DROP_BYTES), h2.windowUpdate(1, DROP_BYTES)]);
  while (!run.isOver) {
    for (const each of connections) if (!each.isClosed) void each.send(drop);
    await run.pause(DROP_SECONDS);
  }
}

async function standStill(run: AttackRun): Promise<void> {
  const settings: h2.Setting[] = [[4, 0]];
  const connections = await openMany(run.target, 10, (i) => ({ from: peerAddress(i), settings }));
  const calls = 10;
  for (const each of connections) {
    for (let i = 0; i < calls; i += 2) {
      await each.call(streamOf(i), PATHS.get, getRequest(keyOf(i)), h2.END_STREAM);
      await each.call(streamOf(i + 1), PATHS.put, begunField(FIELD.dataHeader, 1_000));
    }
  }
  await run.hold();
  const left = connections.reduce((sum, each) => sum + calls - each.ended.size, 0);
  if (left > 0) run.complain(`${left} of ${10 * calls} calls that stand still were not ended`);
}

export const IDLE_PEERS: readonly Attack[] = [
  {
    name: "nobody",
    part: "slots",
    what: "nobody attacks: what the machine and the honest client alone come to",
    seconds: 5,
    attack: (run) => run.hold(),
  },
  {
    name: "idle-calls",
    part: "memory",
    what: "100 connections of 100 peers begin 1,000 calls each that wait for news",
    seconds: 12,
    attack: watchIdly,
  },
  {
    name: "deaf-pings",
    part: "memory",
    what: "one connection sends 100,000 PINGs and SETTINGS and reads no answer",
    seconds: 5,
    attack: pingDeaf,
  },
  {
    name: "slow-readers",
    part: "memory",
    what: "200 peers read objects of 4 MiB, 10 KiB a second",
    seconds: 10,
    prepare: putMedium,
    attack: readByDrops,
  },
  {
    name: "calls-that-stand-still",
    part: "slots",
    what: "100 gets and puts move no byte and are ended after limits.idle_call",
    seconds: IDLE_CALL_SECONDS + 6,
    configuration: ["limits:", `  idle_call: ${IDLE_CALL_SECONDS}s`],
    prepare: putMedium,
    attack: standStill,
  },
];
