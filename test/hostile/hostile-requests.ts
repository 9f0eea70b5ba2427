/**
 * Requests whose cost a client decides: each as large, as deep or as numerous as it may be, and a step beyond.
 *
 * Built one at a time, when they are sent: some are 60 MiB.
 */
import { encodeAction, encodeCriteria, encodeTicket } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS, HEALTH_METHODS } from "../../src/flight/methods.ts";
import { LIMITS } from "../../src/limits.ts";
import { pathDescriptor } from "../support/flight-messages.ts";

export interface HostileRequest {
  readonly title: string;
  readonly path: string;
  readonly build: () => Uint8Array;
  /** The code it is refused with; "answered" when it is not. */
  readonly outcome: string;
}

const MIB = 2 ** 20;
const LARGE = 60 * MIB;
const TOO_LARGE = "OBJECT_TOO_LARGE";
const INVALID = "INVALID_REQUEST";
const BAD_KEY = "INVALID_KEY";

/** A protobuf field of bytes. */
function field(number: number, bytes: Uint8Array): Buffer {
  const size: number[] = [];
  for (let rest = bytes.length; ; rest >>>= 7) {
    size.push(rest < 0x80 ? rest : (rest & 0x7f) | 0x80);
    if (rest < 0x80) break;
  }
  return Buffer.concat([Buffer.of(8 * number + 2, ...size), bytes]);
}

/** The same two bytes over and over. */
function pairs(first: number, second: number, sizeBytes: number): Buffer {
  return Buffer.alloc(sizeBytes, Buffer.of(first, second));
}

/** Fields that nobody knows: number 12, an empty value each. */
const unknownFields = (sizeBytes: number): Buffer => pairs(0x62, 0, sizeBytes);
const slashes = (sizeBytes: number): Buffer => Buffer.alloc(sizeBytes, "/");

function action(title: string, type: string, body: () => Uint8Array, outcome: string): HostileRequest {
  const build = (): Uint8Array => encodeAction({ type, body: body() });
  return { title: `${type} of ${title}`, path: FLIGHT_METHODS.DoAction.path, build, outcome };
}

/** A FlightInfo of so many endpoints of one short ticket each. */
function flightInfo(endpoints: number, schemaBytes: number): Buffer {
  const endpoint = field(3, field(1, field(1, Buffer.from("app/session/nothing"))));
  return Buffer.concat([field(1, Buffer.alloc(schemaBytes)), ...Array(endpoints).fill(endpoint)]);
}

const NAMED_ACTIONS = ["DELETE", "PIN", "UNPIN", "EXPIRE"].flatMap((type) => [
  action("60 MiB of slashes", type, () => slashes(LARGE), TOO_LARGE),
  action("as many slashes as it takes", type, () => slashes(LIMITS.namedActionBytesMax), BAD_KEY),
  action("as many colons as it takes", type, () => Buffer.alloc(LIMITS.namedActionBytesMax, ":"), BAD_KEY),
]);

const JSON_ACTIONS = ["PIN", "UNPIN", "EXPIRE"].flatMap((type) => [
  action("30 MiB of JSON in JSON", type, () => Buffer.alloc(30 * MIB, '{"a":'), TOO_LARGE),
  action(
    "as much JSON in JSON as it takes",
    type,
    () => Buffer.alloc(LIMITS.namedActionBytesMax, '{"a":'),
    INVALID,
  ),
]);

const LIFETIME_ACTIONS = [
  action("28 MB of empty endpoints", "CancelFlightInfo", () => field(1, pairs(0x1a, 0, 28e6)), TOO_LARGE),
  action("a mebibyte of empty endpoints", "CancelFlightInfo", () => field(1, pairs(0x1a, 0, MIB)), INVALID),
  action("a mebibyte of unknown fields", "CancelFlightInfo", () => unknownFields(MIB), INVALID),
  action("a mebibyte of groups", "CancelFlightInfo", () => Buffer.alloc(MIB, 0x63), INVALID),
  action(
    "1000 endpoints and a schema",
    "CancelFlightInfo",
    () => field(1, flightInfo(1000, 3 * MIB)),
    "answered",
  ),
  action("5000 endpoints", "CancelFlightInfo", () => field(1, flightInfo(5000, 0)), INVALID),
  action("60 MiB of locations", "RenewFlightEndpoint", () => field(1, pairs(0x12, 0, LARGE)), TOO_LARGE),
  action(
    "as many locations as it takes",
    "RenewFlightEndpoint",
    () => field(1, pairs(0x12, 0, 65_000)),
    INVALID,
  ),
  action("groups in groups", "RenewFlightEndpoint", () => Buffer.alloc(65_000, 0x63), INVALID),
];

const base64 = (sizeBytes: number): Buffer => Buffer.alloc(sizeBytes, "QUJD");
const named = (value: Uint8Array): Buffer => Buffer.concat([Buffer.from("app/session/value:"), value]);

const VALUE_ACTIONS = [
  action("60 MiB", "UPDATE", () => named(base64(LARGE)), "answered"),
  action("60 MiB", "PUT", () => Buffer.concat([Buffer.from("app/session:"), base64(LARGE)]), "answered"),
  action("60 MiB of padding", "UPDATE", () => named(Buffer.alloc(LARGE, "=")), "answered"),
  action("60 MiB of spaces", "UPDATE", () => named(Buffer.alloc(LARGE, " ")), INVALID),
  action("60 MiB of colons", "UPDATE", () => Buffer.alloc(LARGE, ":"), BAD_KEY),
  action("60 MiB without a colon", "PUT", () => base64(LARGE), BAD_KEY),
];

const OTHER_ACTIONS: HostileRequest[] = [
  action("60 MiB", "NOTHING", () => Buffer.alloc(LARGE), "UNKNOWN_ACTION"),
  {
    title: "an action whose body comes first",
    path: FLIGHT_METHODS.DoAction.path,
    build: () => Buffer.concat([field(2, Buffer.alloc(LARGE)), field(1, Buffer.from("UPDATE"))]),
    outcome: INVALID,
  },
  {
    title: "an action with 60 MiB of unknown fields",
    path: FLIGHT_METHODS.DoAction.path,
    build: () => Buffer.concat([field(1, Buffer.from("UPDATE")), unknownFields(LARGE)]),
    outcome: INVALID,
  },
];

/** A method that is asked with names, by too much and by all it takes. */
function naming(
  name: string,
  path: string,
  encode: (bytes: Buffer) => Uint8Array,
  outcome: string,
): HostileRequest[] {
  return [
    { title: `${name} of 60 MiB of slashes`, path, build: () => encode(slashes(LARGE)), outcome: TOO_LARGE },
    { title: `${name} of 65,000 slashes`, path, build: () => encode(slashes(65_000)), outcome },
    { title: `${name} of unknown fields`, path, build: () => unknownFields(65_000), outcome: INVALID },
    { title: `${name} of groups in groups`, path, build: () => Buffer.alloc(65_000, 0x63), outcome: INVALID },
  ];
}

const emptyPath = (elements: number) => (): Uint8Array =>
  Buffer.concat([Buffer.of(8, 1), pairs(0x1a, 0, 2 * elements)]);
const textPath = (text: Buffer): Uint8Array => pathDescriptor(text.toString());
const { DoGet, ListFlights, GetFlightInfo, GetSchema, ListActions } = FLIGHT_METHODS;

const OTHER_METHODS: HostileRequest[] = [
  ...naming("a ticket", DoGet.path, encodeTicket, BAD_KEY),
  ...naming("criteria", ListFlights.path, encodeCriteria, BAD_KEY),
  ...naming("a path", GetFlightInfo.path, textPath, BAD_KEY),
  ...naming("a path", GetSchema.path, textPath, BAD_KEY),
  { title: "10 million parts", path: GetFlightInfo.path, build: emptyPath(10e6), outcome: TOO_LARGE },
  { title: "30,000 parts", path: GetFlightInfo.path, build: emptyPath(30_000), outcome: INVALID },
  { title: "4,000 parts", path: GetSchema.path, build: emptyPath(4000), outcome: BAD_KEY },
  { title: "60 MiB", path: ListActions.path, build: () => unknownFields(LARGE), outcome: TOO_LARGE },
  {
    title: "60 MiB of health",
    path: HEALTH_METHODS.Check.path,
    build: () => unknownFields(LARGE),
    outcome: TOO_LARGE,
  },
];

export const HOSTILE_REQUESTS: readonly HostileRequest[] = [
  ...NAMED_ACTIONS,
  ...JSON_ACTIONS,
  ...LIFETIME_ACTIONS,
  ...VALUE_ACTIONS,
  ...OTHER_ACTIONS,
  ...OTHER_METHODS,
];
