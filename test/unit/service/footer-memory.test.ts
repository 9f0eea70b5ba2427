/**
 * What puts of tables hold until their footers are written, over a bound of 10,000 bytes for all of them.
 */
import { describe, expect, it } from "vitest";
import { FlightDataDecoder } from "../../../src/flight/flight-data-decoder.ts";
import { FooterMemory } from "../../../src/object/footer-memory.ts";
import { parseObjectKey } from "../../../src/object/object-key.ts";
import { IncomingPut } from "../../../src/service/incoming-put.ts";
import { flightData } from "../../support/flight-messages.ts";
import { memoryCache, refused } from "../cache/cache-fixture.ts";
import { goldenTable } from "../object/sample-objects.ts";

const BYTES_MAX = 10_000;
const { schemaHeader, batches } = goldenTable("numbers");
const { header, body } = batches[0]!;

class Puts {
  readonly footerMemory = new FooterMemory(BYTES_MAX);
  readonly #cache = memoryCache();

  async begin(id: string): Promise<IncomingPut> {
    const abandon = () => expect.unreachable();
    const options = {
      ttlMs: undefined,
      validation: "structure" as const,
      abandon,
      footerMemory: this.footerMemory,
    };
    const put = new IncomingPut(await this.#cache, options);
    put.target = { kind: "object", key: parseObjectKey(`a/s/${id}`) };
    await bring(put, flightData({ header: schemaHeader }));
    return put;
  }
}

async function bring(put: IncomingPut, message: Buffer): Promise<void> {
  const decoder = new FlightDataDecoder();
  decoder.begin(message.length);
  const views = [...decoder.push(message), ...decoder.end()];
  await put.head(decoder.head!);
  await put.body(views);
  put.end(decoder.appMetadata);
}

/** A batch with as much app_metadata. */
function batchWith(bytes: number): Buffer {
  return flightData({ header, body, appMetadata: "m".repeat(bytes) });
}

describe("batches and app_metadata of all puts under way", () => {
  it("are bounded together, and the put that is one too many is OVERLOADED", async () => {
    const puts = new Puts();
    const first = await puts.begin("1");
    await bring(first, batchWith(6000));
    const second = await puts.begin("2");
    await expect(bring(second, batchWith(6000))).rejects.toThrow(refused("OVERLOADED"));
    await second.discard();
    await first.discard();
    expect(puts.footerMemory.sizeBytes).toBe(0);
  });

  it("no longer count when their put is done", async () => {
    const puts = new Puts();
    for (let i = 0; i < 5; i += 1) {
      const put = await puts.begin(String(i));
      await bring(put, batchWith(6000));
      await put.commit({});
      await put.discard();
    }
    expect(puts.footerMemory.sizeBytes).toBe(0);
  });

  it("count also where a batch brings no app_metadata", async () => {
    const put = await new Puts().begin("1");
    const bringMany = async () => {
      for (let i = 0; i < BYTES_MAX; i += 1) await bring(put, batchWith(0));
    };
    await expect(bringMany()).rejects.toThrow(refused("OVERLOADED"));
    await put.discard();
  });

  it("leave nothing of a put whose schema is too much", async () => {
    const puts = new Puts();
    puts.footerMemory.take(BYTES_MAX - 1);
    await expect(puts.begin("1")).rejects.toThrow(refused("OVERLOADED"));
    expect(puts.footerMemory.sizeBytes).toBe(BYTES_MAX - 1);
  });
});
