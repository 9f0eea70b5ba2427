/**
 * Every Flight method, action and HTTP route has a row with its verbs: it is denied to a caller who has every verb
 * except those, and refused to a caller without credentials.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ACCESS_VERBS, type AccessVerb } from "../../src/access/access-policy.ts";
import { encodeHealthRequest } from "../../src/flight/health.ts";
import {
  CANCEL_FLIGHT_INFO,
  encodeCancelRequest,
  encodeRenewRequest,
  RENEW_FLIGHT_ENDPOINT,
} from "../../src/flight/lifetime-messages.ts";
import { encodeAction, encodeCriteria, encodeTicket } from "../../src/flight/messages.ts";
import { FLIGHT_METHODS, HEALTH_METHODS } from "../../src/flight/methods.ts";
import { formatTicket } from "../../src/flight/ticket.ts";
import { ACTIONS } from "../../src/service/flight/actions.ts";
import { FLIGHT_ROWS } from "../../src/service/flight/flight-service.ts";
import { ADMIN_ROUTES, API_ROUTES } from "../../src/service/http-listeners.ts";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { accessText } from "../support/access-file.ts";
import { tokenOf } from "../support/access-table.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { serverConfig } from "../support/in-process-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

type MethodName = keyof typeof FLIGHT_METHODS;

const KEY = "app/session/object";
const EMPTY = Buffer.alloc(0);
const ticket = formatTicket(KEY);
const UNAUTHENTICATED = "[UNAUTHENTICATED] missing or invalid credentials";

/** A caller with every verb except these, on everything. */
const callerWithout = (verbs: readonly AccessVerb[]): string => `without-${verbs.join("-") || "nothing"}`;

const rows: readonly (readonly AccessVerb[] | "public")[] = [
  ...Object.values(FLIGHT_ROWS).map(({ access }) => access),
  ...Object.values(ACTIONS).map(({ access }) => [access]),
  ...[...ADMIN_ROUTES, ...API_ROUTES].map(({ access }) => access),
];
const missing = new Map(
  rows.flatMap((access) => (access === "public" ? [] : [[callerWithout(access), access] as const])),
);
const callers = [...missing].map(([name, verbs]) => ({
  name,
  allow: ACCESS_VERBS.filter((verb) => !verbs.includes(verb)),
}));

const directory = temporaryDirectory("access-rows");
const file = join(directory.path, "access.yaml");
writeFileSync(file, accessText([...callers, { name: "nobody", allow: [] }]));

/** A valid request of each method. */
const REQUESTS: Readonly<Record<MethodName, readonly Uint8Array[]>> = {
  DoPut: valuePut(pathDescriptor(KEY), "value"),
  DoGet: [encodeTicket(ticket)],
  DoAction: [encodeAction({ type: "UNPIN", body: Buffer.from(KEY) })],
  ListActions: [EMPTY],
  ListFlights: [encodeCriteria("")],
  GetFlightInfo: [pathDescriptor(KEY)],
  GetSchema: [pathDescriptor(KEY)],
  Handshake: [],
  DoExchange: [EMPTY],
  PollFlightInfo: [pathDescriptor(KEY)],
};

/** The bodies of actions that do not take a key. */
const BODIES: Readonly<Record<string, Uint8Array>> = {
  PUT: Buffer.from("app/session:dmFsdWU="),
  UPDATE: Buffer.from(`${KEY}:dmFsdWU=`),
  [RENEW_FLIGHT_ENDPOINT]: encodeRenewRequest({ ticket, locations: [] }),
  [CANCEL_FLIGHT_INFO]: encodeCancelRequest({
    schema: EMPTY,
    descriptor: undefined,
    endpoints: [{ ticket, locations: [] }],
    totalRecords: -1,
    totalBytes: -1,
    appMetadata: EMPTY,
  }),
};

let server: RunningCache;
let client: FlightTestClient;

beforeAll(async () => {
  const admin = { scheme: "http", host: "127.0.0.1", port: 0 } as const;
  server = await startServer(serverConfig(undefined, { access: { file, isRequired: true }, admin }));
  client = new FlightTestClient(server.endpoint);
});
afterAll(async () => {
  await client.close();
  await server.stop();
  directory.remove();
});

const headersOf = (caller: string | undefined) =>
  caller === undefined ? {} : { authorization: `Bearer ${tokenOf(caller)}` };

/** The text of the error that a call ends with, or `OK`. */
async function outcome(path: string, requests: readonly Uint8Array[], caller?: string): Promise<string> {
  try {
    await client.exchange(path, requests, { metadata: headersOf(caller) });
    return "OK";
  } catch (error) {
    return (error as Error).message;
  }
}

describe("a Flight method", () => {
  const methods = Object.keys(FLIGHT_ROWS) as MethodName[];
  const guarded = methods.filter((name) => FLIGHT_ROWS[name].access.length > 0 && name !== "Handshake");

  it("has a row", () => {
    expect(methods.toSorted()).toEqual(Object.keys(FLIGHT_METHODS).toSorted());
  });

  it.each(guarded)("%s is denied with every verb but its own", async (name) => {
    const verbs = FLIGHT_ROWS[name].access as readonly AccessVerb[];
    const text = await outcome(FLIGHT_METHODS[name].path, REQUESTS[name], callerWithout(verbs));
    expect(text).toMatch(/^\[PERMISSION_DENIED\] "without-[\w-]+" may not \w+ here$/);
  });

  it.each(methods)("%s is refused without credentials", async (name) => {
    expect(await outcome(FLIGHT_METHODS[name].path, REQUESTS[name])).toBe(UNAUTHENTICATED);
  });

  it("that needs no verb takes any caller", async () => {
    expect(await outcome(FLIGHT_METHODS.ListActions.path, [EMPTY], "nobody")).toBe("OK");
    expect(await outcome(FLIGHT_METHODS.DoExchange.path, [EMPTY], "nobody")).toContain("NOT_IMPLEMENTED");
  });

  it("is not guarded if it tells the health of the server", async () => {
    expect(await outcome(HEALTH_METHODS.Check.path, [encodeHealthRequest("")])).toBe("OK");
  });
});

describe("an action", () => {
  it.each(Object.entries(ACTIONS))("%s is denied with every verb but its own", async (type, { access }) => {
    const request = encodeAction({ type, body: Buffer.from(BODIES[type] ?? KEY) });
    const text = await outcome(FLIGHT_METHODS.DoAction.path, [request], callerWithout([access]));
    expect(text).toMatch(/^\[PERMISSION_DENIED\]/);
  });
});

describe("an HTTP route", () => {
  const routes = [...ADMIN_ROUTES, ...API_ROUTES];
  const guarded = routes.filter(({ access }) => access.length > 0 && access !== "public");

  const status = async ({ method, path }: (typeof routes)[number], caller?: string): Promise<number> => {
    const url = `${server.admin}${path.replaceAll(/:\w+/g, "x")}`;
    const body = ["PUT", "PATCH"].includes(method) ? Buffer.from("value") : null;
    const headers = { ...headersOf(caller), "content-type": "application/octet-stream" };
    const response = await fetch(url, { method, headers, body });
    await response.body?.cancel();
    return response.status;
  };

  it("that is public needs no credentials", async () => {
    const statuses = await Promise.all(
      routes.filter(({ access }) => access === "public").map((each) => status(each)),
    );
    expect(statuses.filter((each) => each === 401 || each === 403)).toEqual([]);
  });

  it("that is guarded is refused without credentials", async () => {
    for (const route of guarded) expect([route.path, await status(route)]).toEqual([route.path, 401]);
  });

  it("that is guarded is denied with every verb but its own", async () => {
    for (const route of guarded) {
      const caller = callerWithout(route.access as readonly AccessVerb[]);
      expect([route.path, await status(route, caller)]).toEqual([route.path, 403]);
    }
  });
});
