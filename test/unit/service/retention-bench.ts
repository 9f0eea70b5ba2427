/**
 * A service over a small storage with a clock that the test sets, and short words for what tests ask of pins and times to live.
 */
import { expect, onTestFinished } from "vitest";
import { StorageBudget } from "../../../src/cache/storage-budget.ts";
import { LruPolicy } from "../../../src/eviction/lru-policy.ts";
import {
  decodeFlightInfo,
  decodeResult,
  encodeAction,
  encodeCriteria,
  encodeTicket,
  type FlightInfo,
} from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { DiskStorage } from "../../../src/storage/disk/disk-storage.ts";
import { MemoryStorage } from "../../../src/storage/memory-storage.ts";
import { DirectService } from "../../support/direct-service.ts";
import { pathDescriptor, valuePut } from "../../support/flight-messages.ts";
import { ownDirectory, refused } from "../cache/cache-fixture.ts";

/** Storage and where it lies. */
export const ENGINES = [
  ["none", () => undefined],
  ["files", ownDirectory],
] as const;

export const START_MS = Date.UTC(2030, 0, 1);
const CAPACITY = 100_000;

/** One service with a clock; `restart` begins the next over the same directory. */
export class RetentionBench {
  nowMs = START_MS;
  service: DirectService;
  readonly #open: () => DirectService;

  constructor(directory: string | undefined) {
    this.#open = () => {
      const storage = directory === undefined ? new MemoryStorage() : new DiskStorage({ directory });
      const budget = new StorageBudget({ policy: new LruPolicy(), evicts: true, bytesMax: CAPACITY });
      return new DirectService(storage, { budget, nowMs: () => this.nowMs });
    };
    this.service = this.#open();
  }

  async restart(): Promise<void> {
    await this.service.cache.stop();
    this.service = this.#open();
    await this.service.cache.start();
  }

  async put(key: string, sizeBytes: number, ttlSeconds?: string): Promise<void> {
    const headers = ttlSeconds === undefined ? {} : { "flame-ttl-seconds": ttlSeconds };
    const messages = valuePut(pathDescriptor(key), "x".repeat(sizeBytes));
    await this.service.call(FLIGHT_METHODS.DoPut.path, messages, { headers });
  }

  async act(type: string, body: string | Uint8Array): Promise<Buffer> {
    const request = encodeAction({ type, body: Buffer.from(body) });
    const [answer] = await this.service.call(FLIGHT_METHODS.DoAction.path, [request]);
    return decodeResult(answer!);
  }

  async info(key: string): Promise<FlightInfo> {
    const [answer] = await this.service.call(FLIGHT_METHODS.GetFlightInfo.path, [pathDescriptor(key)]);
    return decodeFlightInfo(answer!);
  }

  /** Seconds from the start of the test until the object's end. */
  async secondsLeft(key: string): Promise<number | undefined> {
    const end = (await this.info(key)).endpoints[0]!.expirationTime;
    return end && (end.getTime() - START_MS) / 1000;
  }

  async isThere(key: string): Promise<boolean> {
    try {
      await this.service.call(FLIGHT_METHODS.DoGet.path, [encodeTicket(Buffer.from(key))]);
      return true;
    } catch (error) {
      expect(error).toEqual(refused("OBJECT_NOT_FOUND"));
      return false;
    }
  }

  async list(): Promise<string[]> {
    const answers = await this.service.call(FLIGHT_METHODS.ListFlights.path, [encodeCriteria("")]);
    return answers
      .map((answer) => String(Object.values(decodeFlightInfo(answer).descriptor ?? {})[1]))
      .sort();
  }

  /** Fills the storage once over, so that whoever can be evicted is. */
  async flood(): Promise<void> {
    for (let index = 0; index < 14; index += 1) await this.put(`flood/s/${index}`, 8000);
  }
}

/** Started; stopped with the test. */
export async function retentionBench(directory: string | undefined): Promise<RetentionBench> {
  const bench = new RetentionBench(directory);
  await bench.service.cache.start();
  onTestFinished(() => bench.service.cache.stop());
  return bench;
}
