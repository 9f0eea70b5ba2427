/**
 * Objects that are dear to get: of very many pieces, each tiny.
 *
 * They are put as any client may put them, before the attack.
 */
import { encodeSchemaMessage } from "../../../src/arrow/message-writer.ts";
import { commandDescriptor, flightData, opaquePut, pathDescriptor } from "../../support/flight-messages.ts";
import * as h2 from "../../support/http2-frames.ts";
import { encodeOpaqueBatch } from "../../support/opaque-batch.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { HonestConnection } from "../honest-calls.ts";
import { openMany, peerAddress, type RawConnection } from "../raw-connection.ts";
import { getRequest, grpcMessage, PATHS, streamOf } from "../requests.ts";

const KEY = "attack/s/pieces";
const WIDE: readonly h2.Setting[] = [[4, 2 ** 31 - 1]];

async function putPatched(run: AttackRun): Promise<void> {
  const connection = new HonestConnection(run.target, "127.0.0.1", 60_000);
  await connection.put(KEY, Buffer.from("base"));
  const patch = opaquePut(commandDescriptor(`PATCH:${KEY}`), { cells: [Buffer.from("patch")] });
  let left = run.scaled(10_000);
  const work = async (): Promise<void> => {
    while (left-- > 0) await connection.putMessages(patch).catch((error: Error) => refused(run, error));
  };
  await Promise.all(Array.from({ length: 8 }, work));
  connection.close();
}

/** A bound on patches is a right answer: what is there is attacked. */
let refusals = 0;
function refused(run: AttackRun, error: Error): void {
  if (refusals++ === 0) run.note(`a patch was refused: ${error.message}`);
}

async function putBatches(run: AttackRun): Promise<void> {
  const connection = (await openMany(run.target, 1))[0];
  const schema = encodeSchemaMessage({
    fields: [
      { name: "version", type: "uint64", nullable: true },
      { name: "x", type: "binary", nullable: true },
    ],
  });
  await connection?.call(
    1,
    PATHS.put,
    grpcMessage(flightData({ descriptor: pathDescriptor(KEY), header: schema })),
  );
  const batch = grpcMessage(flightData(encodeOpaqueBatch({ cells: [Buffer.from("x")] })));
  const page = Buffer.concat(Array.from({ length: 100 }, () => batch));
  for (let i = 0; i < run.scaled(2_000); i += 1) await connection?.sendData(1, page);
  await connection?.sendData(1, Buffer.alloc(0), h2.END_STREAM);
  while (connection !== undefined && !connection.ended.has(1) && !connection.isClosed) await run.pause(0.05);
  connection?.socket.destroy();
}

/** Gets it `times` at once, and again when all were answered. */
async function getAtOnce(run: AttackRun, times: number): Promise<void> {
  const connections = await openMany(run.target, times, (i) => ({ from: peerAddress(i), settings: WIDE }));
  const wide = h2.windowUpdate(0, 2 ** 31 - 1 - 65_535);
  const isAnswered = (each: RawConnection, stream: number): boolean =>
    each.ended.has(stream) || each.isClosed;
  let rounds = 0;
  for (; rounds < 20 && !run.isOver; rounds += 1) {
    const stream = streamOf(rounds);
    for (const each of connections) {
      if (rounds === 0) await each.send(wide);
      await each.call(stream, PATHS.get, getRequest(KEY), h2.END_STREAM);
    }
    while (!run.isOver && !connections.every((each) => isAnswered(each, stream))) await run.pause(0.02);
  }
  await run.hold();
  const frames = connections.reduce((sum, each) => sum + (each.came[h2.FRAME.data] ?? 0), 0);
  run.note(`${rounds} rounds of ${connections.length} gets, ${frames} DATA frames came`);
}

export const COSTLY_OBJECTS: readonly Attack[] = [
  {
    name: "many-patches",
    part: "processor",
    what: "an object of 10,000 patches is got 20 times at once",
    seconds: 10,
    prepare: putPatched,
    attack: (run) => getAtOnce(run, 20),
  },
  {
    name: "one-row-batches",
    part: "processor",
    what: "a table of 200,000 batches of one row is got, again and again",
    seconds: 8,
    prepare: putBatches,
    attack: (run) => getAtOnce(run, 1),
  },
];
