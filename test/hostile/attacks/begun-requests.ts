/**
 * Requests that are begun and never ended: each part of a message that the server collects, up to one byte under its limit.
 *
 * They keep to the server's windows, so what is sent is what the server was willing to take.
 */
import { encodeSchemaMessage } from "../../../src/arrow/message-writer.ts";
import { flightData, pathDescriptor } from "../../support/flight-messages.ts";
import type * as h2 from "../../support/http2-frames.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch } from "../../support/opaque-batch.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { openMany, peerAddress, type RawConnection } from "../raw-connection.ts";
import { begunField, FIELD, grpcMessage, grpcMessages, PATHS, streamOf } from "../requests.ts";

const MIB = 2 ** 20;
/** All that is sent of large bodies is the same byte. */
const BYTES = Buffer.alloc(64 * MIB, 0x6d);

interface Begun {
  readonly connections: number;
  readonly callsEach: number;
  readonly path: string;
  /** What a call sends, in turn. */
  readonly parts: (number: number) => readonly Uint8Array[];
  readonly settings?: readonly h2.Setting[];
}

async function begin(run: AttackRun, begun: Begun): Promise<void> {
  const { connections, callsEach, path, parts, settings = [] } = begun;
  const call = async (connection: RawConnection, number: number, stream: number): Promise<void> => {
    if (!(await connection.call(stream, path))) return;
    for (const part of parts(number)) {
      if (!(await connection.sendData(stream, part))) return;
    }
  };
  const opened = await openMany(run.target, connections, (i) => ({ from: peerAddress(i), settings }));
  const calls = opened.flatMap((connection, i) =>
    Array.from({ length: run.scaled(callsEach) }, (_, k) => call(connection, i * callsEach + k, streamOf(k))),
  );
  await Promise.race([Promise.all(calls), run.hold()]);
  await run.hold();
  const sentBytes = opened.reduce((sum, { socket }) => sum + socket.bytesWritten, 0);
  const ended = opened.reduce((sum, each) => sum + each.ended.size, 0);
  const closed = opened.filter((each) => each.isClosed).length;
  run.note(
    `${calls.length} requests, ${Math.round(sentBytes / MIB)} MiB sent; ` +
      `${ended} calls and ${closed} connections ended by the server`,
  );
}

function begunPut(number: number): Buffer {
  const descriptor = pathDescriptor("attack/s", `begun-${number}`);
  return grpcMessages([flightData({ descriptor, header: CLIENT_OPAQUE_SCHEMA })]);
}

const TABLE = encodeSchemaMessage({ fields: [{ name: "x", type: "binary", nullable: true }] });

/** A table whose batches carry 4 MiB of app_metadata each, which is kept until the table's end. */
function withMetadata(number: number): Buffer[] {
  const descriptor = pathDescriptor("attack/s", `metadata-${number}`);
  return [grpcMessages([flightData({ descriptor, header: TABLE })]), METADATA_BATCH, METADATA_BATCH];
}

const METADATA_BATCH = grpcMessage(
  flightData({ ...encodeOpaqueBatch({ cells: [] }), appMetadata: "m".repeat(4 * MIB - 1) }),
);

const SMALL_VALUE = grpcMessage(flightData(encodeOpaqueBatch({ cells: [Buffer.alloc(MIB - 4096)] })));

export const BEGUN_REQUESTS: readonly Attack[] = [
  {
    name: "begun-unary",
    part: "memory",
    what: "32 unary requests of 60 MiB on 4 connections lack their last byte",
    seconds: 10,
    attack: (run) =>
      begin(run, {
        connections: 4,
        callsEach: 8,
        path: PATHS.action,
        parts: () => [grpcMessage(BYTES.subarray(0, 60 * MIB - 1), 60 * MIB)],
      }),
  },
  {
    name: "begun-headers",
    part: "memory",
    what: "64 puts on 8 connections send a data_header of 32 MiB but for its last byte",
    seconds: 10,
    attack: (run) =>
      begin(run, {
        connections: 8,
        callsEach: 8,
        path: PATHS.put,
        parts: () => [begunField(FIELD.dataHeader, 32 * MIB), BYTES.subarray(0, 32 * MIB - 1)],
      }),
  },
  {
    name: "bodies-before-headers",
    part: "memory",
    what: "32 puts on 8 connections send a body of 64 MiB before the header it belongs to",
    seconds: 10,
    attack: (run) =>
      begin(run, {
        connections: 8,
        callsEach: 4,
        path: PATHS.put,
        parts: () => [begunField(FIELD.body, 64 * MIB), BYTES.subarray(0, 64 * MIB - 1)],
      }),
  },
  {
    name: "unending-puts",
    part: "memory",
    what: "1,000 puts of just under 1 MiB on 10 connections do not end",
    seconds: 10,
    attack: (run) =>
      begin(run, {
        connections: 10,
        callsEach: 100,
        path: PATHS.put,
        parts: (number) => [begunPut(number), SMALL_VALUE.subarray(0, SMALL_VALUE.length - 1)],
      }),
  },
  {
    name: "large-app-metadata",
    part: "memory",
    what: "1,000 unending puts on 20 connections carry 8 MiB of app_metadata each and read no echo",
    seconds: 10,
    attack: (run) =>
      begin(run, {
        connections: 20,
        callsEach: 50,
        path: PATHS.put,
        parts: withMetadata,
        settings: [[4, 0]],
      }),
  },
  {
    name: "full-windows",
    part: "memory",
    what: "1,000 connections of 1,000 peers fill their windows for calls that read nothing",
    seconds: 12,
    attack: (run) =>
      begin(run, {
        connections: run.scaled(1_000),
        callsEach: 4,
        path: PATHS.watch,
        parts: () => [grpcMessage(Buffer.alloc(0)), grpcMessage(BYTES.subarray(0, 4 * MIB - 5), 8 * MIB)],
      }),
  },
];
