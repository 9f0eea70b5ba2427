/**
 * What looks like an attack and is none: a client whose calls have short deadlines, or are cancelled together.
 *
 * Its connection has to stay.
 */
import * as h2 from "../../support/http2-frames.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { HonestConnection } from "../honest-calls.ts";
import { openRaw, type RawConnection } from "../raw-connection.ts";
import { getRequest, grpcMessage, PATHS, streamOf } from "../requests.ts";

const KEY = "attack/s/large";
const DEADLINE_SECONDS = 0.02;

function getWithDeadline(stream: number): Buffer {
  const block = h2.headerBlock([[":path", PATHS.get], ...h2.CALL_HEADERS, ["grpc-timeout", "20m"]]);
  return Buffer.concat([
    h2.frame(h2.FRAME.headers, h2.END_HEADERS, stream, block),
    h2.frame(h2.FRAME.data, h2.END_STREAM, stream, getRequest(KEY)),
  ]);
}

/** Begins calls of these streams, waits, and resets those that were not answered, as gRPC clients do. */
async function giveUp(
  run: AttackRun,
  connection: RawConnection,
  streams: number[],
  seconds: number,
): Promise<void> {
  await connection.send(...streams.map(getWithDeadline));
  await run.pause(seconds);
  const late = streams.filter((stream) => !connection.ended.has(stream));
  if (late.length > 0) await connection.send(...late.map((stream) => h2.reset(stream)));
}

const range = (from: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => streamOf(from + i));

async function resetHonestly(run: AttackRun): Promise<void> {
  const connection = await openRaw(run.target);
  if (connection === undefined) return run.complain("the client was not let in");
  // It reads all that comes, so its connection's window never closes.
  await connection.send(h2.windowUpdate(0, 2 ** 31 - 1 - 65_535));
  await giveUp(run, connection, range(0, 1_000), DEADLINE_SECONDS);
  await run.pause(1);
  await giveUp(run, connection, range(1_000, 500), 0);
  const last = streamOf(1_500);
  await connection.call(last, PATHS.check, grpcMessage(Buffer.alloc(0)), h2.END_STREAM);
  await run.hold();
  if (connection.isClosed) run.complain(`the connection was closed, goaway ${connection.goawayCode}`);
  else if (!connection.ended.has(last)) run.complain("the call behind the cancelled ones was not answered");
}

export const HONEST_RESETS: readonly Attack[] = [
  {
    name: "short-deadlines",
    part: "slots",
    what: "1,000 calls with a deadline of 20 ms, then 500 cancelled at once, do not close their connection",
    seconds: 5,
    async prepare({ target }) {
      const connection = new HonestConnection(target, "127.0.0.1", 60_000);
      await connection.put(KEY, Buffer.alloc(8 * 2 ** 20));
      connection.close();
    },
    attack: resetHonestly,
  },
];
