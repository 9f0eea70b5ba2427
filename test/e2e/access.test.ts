/**
 * Who may do what, by the table of test/support/access-table.ts: over gRPC and HTTP, with one thread and with four.
 *
 * And what surrounds it: credentials that are refused, every method, action and route, rules that change during a get.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { CacheConfig } from "../../src/config/cache-config.ts";
import { canSharePort } from "../../src/relay/share-port.ts";
import { API_ROUTES } from "../../src/service/http-listeners.ts";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { GrpcTableCalls, HIDDEN, HttpTableCalls, type TableCalls } from "../support/access-calls.ts";
import {
  ACCESS_FILE,
  CALLERS,
  type Caller,
  DELETED_NAMES,
  DELETES,
  KEYS,
  LISTS,
  MAY,
  OBJECT_VERBS,
} from "../support/access-table.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { serverConfig } from "../support/in-process-server.ts";
import { type ServedBucket, servedBucket } from "../support/served-bucket.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const directory = temporaryDirectory("access");
const file = join(directory.path, "access.yaml");
writeFileSync(file, ACCESS_FILE);
afterAll(() => directory.remove());

const LOOPBACK = { scheme: "http", host: "127.0.0.1", port: 0 } as const;
const GUARDED: Partial<CacheConfig> = { access: { file, isRequired: true }, admin: LOOPBACK };
const hasObjectRoutes = API_ROUTES.some(({ path }) => path === "/v1/objects/:app/:session/:object");

const TRANSPORTS = [
  { title: "over gRPC", threads: 1, isHttp: false, isThere: true },
  { title: "over gRPC through four threads", threads: 4, isHttp: false, isThere: canSharePort() },
  { title: "over HTTP", threads: 1, isHttp: true, isThere: hasObjectRoutes },
  { title: "over gRPC, in a bucket", threads: 1, isHttp: false, isThere: true, isBucket: true },
  { title: "over HTTP, in a bucket", threads: 1, isHttp: true, isThere: hasObjectRoutes, isBucket: true },
];

it("has over two hundred combinations of caller, verb and object", () => {
  expect(CALLERS.length * OBJECT_VERBS.length * KEYS.length).toBeGreaterThan(200);
});

for (const { title, threads, isHttp, isThere, isBucket = false } of TRANSPORTS) {
  describe.skipIf(!isThere)(`the table ${title}`, () => {
    let server: RunningCache;
    let client: FlightTestClient;
    let admin: GrpcTableCalls;
    let bucket: ServedBucket | undefined;

    beforeAll(async () => {
      bucket = isBucket ? await servedBucket() : undefined;
      const { storage } = bucket ?? serverConfig();
      server = await startServer(serverConfig(undefined, { ...GUARDED, threads, storage }));
      client = new FlightTestClient(server.endpoint);
      admin = new GrpcTableCalls(client, "admin");
    });
    afterAll(async () => {
      await client.close();
      await server.stop();
      await bucket?.close();
    });

    const putAll = async (): Promise<void> => {
      for (const key of KEYS) expect(await admin.call("put", key)).toBe("yes");
    };
    const callsOf = (caller: Caller): Pick<TableCalls, "call" | "list"> =>
      isHttp ? new HttpTableCalls(server.admin!, caller) : new GrpcTableCalls(client, caller);

    it.each(CALLERS)("is what %s may do with each object", async (caller) => {
      const calls = callsOf(caller);
      const answers: Record<string, string> = {};
      const refusals: string[] = [];
      for (const key of KEYS) {
        const allowed: string[] = [];
        for (const verb of OBJECT_VERBS) {
          expect(await admin.call("put", key)).toBe("yes");
          const answer = await calls.call(verb, key);
          allowed.push(...(answer === "yes" ? [verb] : []));
          refusals.push(...(answer === "yes" ? [] : [answer]));
        }
        answers[key] = allowed.join(" ");
      }
      expect(answers).toEqual(MAY[caller]);
      expect(refusals.filter((code) => code !== "PERMISSION_DENIED" && code !== HIDDEN)).toEqual([]);
    });

    it.each(CALLERS)("is what the lists of %s show", async (caller) => {
      await putAll();
      const calls = callsOf(caller);
      const shown: Record<string, string> = {};
      for (const prefix of Object.keys(LISTS[caller])) shown[prefix] = await calls.list(prefix);
      const expected = Object.entries(LISTS[caller]).map(([prefix, keys]) => [
        prefix,
        keys ?? "PERMISSION_DENIED",
      ]);
      expect(shown).toEqual(Object.fromEntries(expected));
    });

    it.skipIf(isHttp).each(CALLERS)("is what %s may delete as a whole", async (caller) => {
      const calls = new GrpcTableCalls(client, caller);
      const deleted: string[] = [];
      for (const name of DELETED_NAMES) {
        await putAll();
        const answer = await calls.deleteAll(name);
        expect(answer).toMatch(/^(yes|PERMISSION_DENIED)$/);
        deleted.push(...(answer === "yes" ? [name] : []));
      }
      expect(deleted.join(" ")).toBe(DELETES[caller]);
    });
  });
}
