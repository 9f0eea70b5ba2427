/**
 * Hostile requests from a seed: real puts and requests, damaged at every level, and bytes that are nothing at all.
 */
import { withSchemaMetadata } from "../../src/arrow/schema-metadata.ts";
import { encodeHealthRequest } from "../../src/flight/health.ts";
import { encodeAction, encodeCriteria, encodeTicket } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS, HEALTH_METHODS } from "../../src/flight/methods.ts";
import {
  commandDescriptor,
  type FlightMessage,
  flightData,
  pathDescriptor,
} from "../support/flight-messages.ts";
import { CLIENT_OPAQUE_SCHEMA, encodeOpaqueBatch } from "../support/opaque-batch.ts";
import type { Random } from "../support/random.ts";
import { goldenStream, splitStream } from "../unit/arrow/golden.ts";

export interface HostileCall {
  readonly path: string;
  readonly requests: readonly Buffer[];
}

/** Objects that patches are aimed at. */
export const PATCHED = { value: "fuzz/patched/value", table: "fuzz/patched/table" } as const;

const NUMBERS = [0, 1, 7, 8, 0x7fff, 0x7fffffff, 0x80000000, 0xfffffff8, 0xffffffff];

/** Damages bytes in one of many ways; never the bytes given. */
export function damage(random: Random, bytes: Uint8Array): Buffer {
  const damaged = Buffer.from(bytes);
  const at = random.below(damaged.length + 1);
  switch (random.below(8)) {
    case 0:
      return damaged.subarray(0, at);
    case 1:
      return Buffer.concat([damaged.subarray(0, at), damaged.subarray(at + 1 + random.below(16))]);
    case 2:
      return Buffer.concat([
        damaged.subarray(0, at),
        random.bytes(1 + random.below(16)),
        damaged.subarray(at),
      ]);
    case 3:
      return random.bytes(random.below(200));
    case 4:
    case 5:
      for (let count = random.below(3); count >= 0; count -= 1) overwrite(random, damaged);
      return damaged;
    default:
      for (let count = random.below(4); count >= 0; count -= 1) flip(random, damaged);
      return damaged;
  }
}

function flip(random: Random, bytes: Buffer): void {
  if (bytes.length > 0) bytes[random.below(bytes.length)]! ^= 1 << random.below(8);
}

function overwrite(random: Random, bytes: Buffer): void {
  if (bytes.length >= 4)
    bytes.writeUInt32LE(random.pick(NUMBERS), 4 * random.below(Math.floor(bytes.length / 4)));
}

const table = (name: string, descriptor: Uint8Array, appMetadata = ""): FlightMessage[] => {
  const [schema, ...batches] = splitStream(goldenStream(name));
  return [
    { descriptor, header: schema!.header },
    ...batches.map(({ header, body }) => ({ header, body, appMetadata })),
  ];
};

const flame = (name: string, descriptor: Uint8Array): FlightMessage[] => {
  const [first, ...rest] = table(name, descriptor);
  const { header } = withSchemaMetadata(first!.header!, [["flame.cache.format", "arrow-table-v1"]]);
  return [{ descriptor, header }, ...rest];
};

const opaque = (descriptor: Uint8Array, appMetadata = ""): FlightMessage[] => {
  const cells = ["one", "", "three"].map((text) => Buffer.from(text));
  return [
    { descriptor, header: CLIENT_OPAQUE_SCHEMA },
    { ...encodeOpaqueBatch({ cells, before: 5, behind: 3 }), appMetadata },
    encodeOpaqueBatch({ cells: [undefined, ...cells], hidden: Buffer.from("hidden") }),
    encodeOpaqueBatch({ cells, offsetBytes: 4 }),
  ];
};

/** The objects that patches are aimed at. */
export function patchedObjects(): readonly FlightMessage[][] {
  return [opaque(pathDescriptor(PATCHED.value)), flame("dictionaries", pathDescriptor(PATCHED.table))];
}

/** Puts that would be taken. */
export function honestPuts(number: number): readonly FlightMessage[][] {
  const at = pathDescriptor(`fuzz/put/${number % 500}`);
  return [
    opaque(at),
    opaque(at, "echo"),
    opaque(pathDescriptor("fuzz/created")),
    opaque(commandDescriptor(`PATCH:${PATCHED.value}`)),
    table("nested", at),
    table("dictionaries", at, "echo"),
    table("deltas", at),
    table("replaced", at),
    table("zstd", at),
    table("unions", at),
    flame("nested", at),
    flame("dictionaries", pathDescriptor("fuzz/created")),
    flame("dictionaries", commandDescriptor(`PATCH:${PATCHED.table}`)),
  ];
}

/** A put with something wrong in it, or in its order. */
export function hostilePut(random: Random, number: number): HostileCall {
  const puts = honestPuts(number);
  const messages = [...random.pick(puts)];
  const at = random.below(messages.length);
  const requests = messages.map(flightData);
  switch (random.below(10)) {
    case 0:
      messages.splice(at, 1);
      break;
    case 1:
      messages.splice(at, 0, messages[random.below(messages.length)]!);
      break;
    case 2:
      messages[at] = random.pick(random.pick(puts));
      break;
    case 3:
    case 4:
      requests[at] = damage(random, requests[at]!);
      return { path: FLIGHT_METHODS.DoPut.path, requests };
    default:
      messages[at] = damageField(random, messages[at]!);
  }
  return { path: FLIGHT_METHODS.DoPut.path, requests: messages.map(flightData) };
}

/** One field of a message is damaged, the message around it stays valid: this reaches the Arrow decoders. */
function damageField(random: Random, message: FlightMessage): FlightMessage {
  const { descriptor, header, body = new Uint8Array(0) } = message;
  const kind = random.below(8);
  if (kind === 0 && descriptor !== undefined) return { ...message, descriptor: damage(random, descriptor) };
  if (kind === 1) return { ...message, body: damage(random, body) };
  if (kind === 2 && body.length > 0) return { ...message, body: sameSizeDamage(random, body) };
  return { ...message, header: sameSizeDamage(random, header ?? body) };
}

function sameSizeDamage(random: Random, bytes: Uint8Array): Buffer {
  const damaged = Buffer.from(bytes);
  if (random.below(2) === 0) overwrite(random, damaged);
  else flip(random, damaged);
  return damaged;
}

/** Honest requests of the methods that take one, by path; Watch is left out: it stays open. */
const REQUESTS: readonly (readonly [string, readonly Uint8Array[]])[] = [
  [
    FLIGHT_METHODS.DoGet.path,
    [`${PATCHED.value}`, `${PATCHED.table}:0`, "fuzz/put/1:1", "a/s/:9"].map((text) =>
      encodeTicket(Buffer.from(text)),
    ),
  ],
  [
    FLIGHT_METHODS.DoAction.path,
    [
      encodeAction({ type: "PUT", body: Buffer.from("fuzz/acted:YWJj") }),
      encodeAction({ type: "UPDATE", body: Buffer.from("fuzz/acted/object:YWJj") }),
      encodeAction({ type: "DELETE", body: Buffer.from("fuzz/acted/object") }),
    ],
  ],
  [FLIGHT_METHODS.ListFlights.path, ["fuzz/acted", "fuzz/patched/value", "none/*"].map(encodeCriteria)],
  [FLIGHT_METHODS.ListActions.path, [new Uint8Array(0)]],
  [FLIGHT_METHODS.GetFlightInfo.path, [pathDescriptor(PATCHED.table), commandDescriptor("x")]],
  [FLIGHT_METHODS.GetSchema.path, [pathDescriptor(PATCHED.value), pathDescriptor("fuzz", "put", "1")]],
  [FLIGHT_METHODS.PollFlightInfo.path, [pathDescriptor(PATCHED.value)]],
  [FLIGHT_METHODS.Handshake.path, [new Uint8Array(0)]],
  [FLIGHT_METHODS.DoExchange.path, [pathDescriptor(PATCHED.value)]],
  [HEALTH_METHODS.Check.path, [encodeHealthRequest("")]],
];

/** A call of any other method: a damaged request, a random one, none, or several. */
export function hostileRequest(random: Random): HostileCall {
  const [path, honest] = random.pick(REQUESTS);
  const one = (): Buffer =>
    damage(random, random.pick(random.below(6) === 0 ? random.pick(REQUESTS)[1] : honest));
  const count = random.pick([0, 1, 1, 1, 1, 1, 1, 2]);
  return { path, requests: Array.from({ length: count }, one) };
}
