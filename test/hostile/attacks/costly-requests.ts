/**
 * Single requests that are cheap to send and dear to understand.
 *
 * Each is under the limit on unary messages, and legal protobuf, JSON or text as far as that goes.
 */
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import * as h2 from "../../support/http2-frames.ts";
import type { Attack, AttackRun } from "../attack-run.ts";
import { openRaw } from "../raw-connection.ts";
import { actionRequest, bytesField, getRequest, PATHS } from "../requests.ts";

const MIB = 2 ** 20;
/** protobuf: an empty message in field 3, or 2. */
const EMPTY_ENDPOINT = Buffer.from([0x1a, 0]);
const EMPTY_LOCATION = Buffer.from([0x12, 0]);

function repeated(what: Buffer, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, what);
}

/** `{"key": [[[[...` or whole. */
function nestedJson(sizeBytes: number): Buffer {
  const depth = Math.floor(sizeBytes / 2) - 8;
  return Buffer.concat([
    Buffer.from('{"key":'),
    Buffer.alloc(depth, "["),
    Buffer.alloc(depth, "]"),
    Buffer.from("}"),
  ]);
}

/** Sends it once, and again as soon as it was answered. */
async function ask(run: AttackRun, path: string, request: Buffer): Promise<void> {
  const connection = await openRaw(run.target);
  let asked = 0;
  while (connection !== undefined && !connection.isClosed && !run.isOver && asked < 3) {
    const stream = 2 * asked + 1;
    asked += 1;
    await connection.call(stream, path, request, h2.END_STREAM);
    while (!connection.ended.has(stream) && !connection.isClosed && !run.isOver) await run.pause(0.02);
  }
  await run.hold();
  run.note(`asked ${asked} times, ${connection?.ended.size} answered`);
}

function costly(name: string, what: string, path: string, makeRequest: (scale: number) => Buffer): Attack {
  return {
    name,
    part: "processor",
    what,
    seconds: 10,
    attack: (run) => ask(run, path, makeRequest(run.target.scale)),
  };
}

export const COSTLY_REQUESTS: readonly Attack[] = [
  costly("cancel-of-nothing", "CancelFlightInfo of 28 MB of empty endpoints", PATHS.action, (scale) =>
    actionRequest("CancelFlightInfo", bytesField(1, repeated(EMPTY_ENDPOINT, 28e6 * scale))),
  ),
  costly("cancel-of-little", "CancelFlightInfo of 1 MB of empty endpoints", PATHS.action, (scale) =>
    actionRequest("CancelFlightInfo", bytesField(1, repeated(EMPTY_ENDPOINT, 1e6 * scale))),
  ),
  costly("renew-of-nothing", "RenewFlightEndpoint of 28 MB of empty locations", PATHS.action, (scale) =>
    actionRequest("RenewFlightEndpoint", bytesField(1, repeated(EMPTY_LOCATION, 28e6 * scale))),
  ),
  costly("nested-json", "PIN with 60 MiB of nested JSON", PATHS.action, (scale) =>
    actionRequest("PIN", nestedJson(60 * MIB * scale)),
  ),
  costly("delete-of-slashes", "DELETE of 60 MiB of slashes", PATHS.action, (scale) =>
    actionRequest("DELETE", Buffer.alloc(60 * MIB * scale, "/")),
  ),
  costly("ticket-of-slashes", "a ticket of 60 MiB of slashes", PATHS.get, (scale) =>
    getRequest(Buffer.alloc(60 * MIB * scale, "/")),
  ),
  costly("criteria-of-slashes", "a list for 60 MiB of slashes", FLIGHT_METHODS.ListFlights.path, (scale) =>
    getRequest(Buffer.alloc(60 * MIB * scale, "/")),
  ),
];
