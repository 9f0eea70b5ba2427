/**
 * What a call can ask of its answer, and what it cannot.
 */
import { describe, expect, it, onTestFinished } from "vitest";
import { encodeAction } from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { LIMITS } from "../../../src/limits.ts";
import { startServer } from "../../../src/service/start-server.ts";
import type { DiskStep } from "../../../src/storage/disk/disk-steps.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import type { Durability } from "../../../src/storage/object-storage.ts";
import { DirectService } from "../../support/direct-service.ts";
import { commandDescriptor, pathDescriptor, valuePut } from "../../support/flight-messages.ts";
import { serverConfig } from "../../support/in-process-server.ts";
import { ownDirectory } from "../cache/cache-fixture.ts";

const SYNCS: readonly DiskStep[] = ["syncStaged", "syncPublished", "syncDirectory", "syncLog"];

/** A small put and a delete are synced in the log. */
const LASTING = expect.arrayContaining(["syncLog"]) as DiskStep[];

/** A service over files that tells the syncs of each call; one object is there. */
async function watchedService(durability?: Durability) {
  const steps: DiskStep[] = [];
  const storage = new DiskStorage({ directory: ownDirectory(), beforeStep: (step) => steps.push(step) });
  const service = new DirectService(storage, { durability });
  await service.cache.start();
  onTestFinished(() => service.cache.stop());
  const ask = async (path: string, requests: readonly Uint8Array[], asked?: string): Promise<DiskStep[]> => {
    steps.length = 0;
    await service.call(path, requests, asked === undefined ? {} : { headers: { "flame-durability": asked } });
    return steps.filter((step) => SYNCS.includes(step));
  };
  await ask(FLIGHT_METHODS.DoPut.path, valuePut(pathDescriptor("a/s/o"), "there"));
  return ask;
}

function action(type: string, body: string): Uint8Array[] {
  return [encodeAction({ type, body: Buffer.from(body) })];
}

const CALLS = [
  { what: "a put", path: FLIGHT_METHODS.DoPut.path, requests: () => valuePut(pathDescriptor("a/s/o"), "v") },
  {
    what: "a patch",
    path: FLIGHT_METHODS.DoPut.path,
    requests: () => valuePut(commandDescriptor("PATCH:a/s/o"), "v"),
  },
  { what: "the action PUT", path: FLIGHT_METHODS.DoAction.path, requests: () => action("PUT", "a/s:YQ==") },
  {
    what: "the action UPDATE",
    path: FLIGHT_METHODS.DoAction.path,
    requests: () => action("UPDATE", "a/s/o:YQ=="),
  },
  { what: "a delete", path: FLIGHT_METHODS.DoAction.path, requests: () => action("DELETE", "a/s/o") },
  {
    what: "a delete of a session",
    path: FLIGHT_METHODS.DoAction.path,
    requests: () => action("DELETE", "a/s"),
  },
];

describe.each(CALLS)("$what", ({ path, requests }) => {
  it("is synced where the call asks for it, and only then", async () => {
    const ask = await watchedService();
    expect(await ask(path, requests(), "power-loss")).toEqual(LASTING);
  });

  it("is not synced by a server that promises a restart, asked or not", async () => {
    const ask = await watchedService("restart");
    const syncs = [...(await ask(path, requests())), ...(await ask(path, requests(), "restart"))];
    expect(syncs.filter((step) => step !== "syncDirectory")).toEqual([]);
  });

  it("is synced by a server that promises a power loss, whatever the call says", async () => {
    for (const asked of [undefined, "restart"]) {
      const ask = await watchedService("power-loss");
      expect(await ask(path, requests(), asked)).toEqual(LASTING);
    }
  });

  it.each(["", "fsync", "Power-Loss", "power-loss, restart"])(
    "is refused when it asks for %j",
    async (asked) => {
      const ask = await watchedService();
      await expect(ask(path, requests(), asked)).rejects.toMatchObject({ code: "INVALID_REQUEST" });
    },
  );

  it.each(["restart", "power-loss"])(
    "is refused in memory when it asks for %s, and is none otherwise",
    async (asked) => {
      const service = new DirectService(new MemoryStorage());
      await service.cache.start();
      await service.call(FLIGHT_METHODS.DoPut.path, valuePut(pathDescriptor("a/s/o"), "there"));
      const headers = { "flame-durability": asked };
      await expect(service.call(path, requests(), { headers })).rejects.toMatchObject({
        code: "NOT_IMPLEMENTED",
      });
      await service.call(path, requests());
    },
  );
});

it("a patch that lasts makes its base last, once", async () => {
  const ask = await watchedService();
  const large = Buffer.alloc(LIMITS.logFileBytesMax);
  const patch = (value: string | Buffer = "v") => valuePut(commandDescriptor("PATCH:a/s/o"), value);
  await ask(FLIGHT_METHODS.DoPut.path, valuePut(pathDescriptor("a/s/o"), large));
  await ask(FLIGHT_METHODS.DoPut.path, patch(large));
  const first = await ask(FLIGHT_METHODS.DoPut.path, patch(), "power-loss");
  expect(first.filter((step) => step === "syncPublished")).toHaveLength(2);
  expect(first).toContain("syncLog");
  expect(await ask(FLIGHT_METHODS.DoPut.path, patch(), "power-loss")).not.toContain("syncPublished");
});

it("a server in memory that is to promise a power loss does not start", async () => {
  const config = serverConfig(undefined, { durability: "power-loss" });
  await expect(startServer(config)).rejects.toMatchObject({ code: "INVALID_CONFIG" });
});
