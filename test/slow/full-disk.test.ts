/**
 * The built server on a disk that is filled by puts alone: it deletes, takes puts again, and starts, stopped or killed, on the full disk.
 *
 * Needs a build (`npm run build`), and disks that can be filled (test/support/small-disk.ts).
 */
import { describe, expect, it, onTestFinished } from "vitest";
import { isCacheError } from "../../src/errors.ts";
import { FlightTestClient } from "../support/flight-client.ts";
import { pathDescriptor, valuePut } from "../support/flight-messages.ts";
import { type SmallDisk, smallDisk, smallDisks } from "../support/small-disk.ts";
import { startServer, type TestServer } from "../support/start-server.ts";

const { here } = smallDisks();
const [KIB, MIB] = [1024, 1024 ** 2];
const APPLICATIONS = 3;
const SESSIONS = 2;

/** A server on a small disk, with a client; started again on what the one before left. */
class ServedDisk {
  readonly #storage: string;
  readonly #disk: SmallDisk;
  #server!: TestServer;
  #client!: FlightTestClient;
  #puts = 0;

  constructor(disk: SmallDisk) {
    this.#disk = disk;
    this.#storage = `${smallDisk(disk)}/objects`;
    onTestFinished(async () => {
      await this.stop("SIGKILL");
    });
  }

  get client(): FlightTestClient {
    return this.#client;
  }

  get log(): string {
    return this.#server.log;
  }

  async start(): Promise<void> {
    this.#server = await startServer({ storage: this.#storage });
    this.#client = new FlightTestClient(this.#server.endpoint);
  }

  async stop(signal: NodeJS.Signals): Promise<void> {
    await this.#client.close();
    await this.#server.stop(signal);
  }

  async restart(signal: NodeJS.Signals): Promise<void> {
    await this.stop(signal);
    await this.start();
  }

  async put(key: string, sizeBytes: number): Promise<number> {
    return (await this.#client.put(valuePut(pathDescriptor(key), Buffer.alloc(sizeBytes, 7)))).version;
  }

  /** Puts until nothing fits, smaller and smaller; the objects are spread over applications and sessions. */
  async fill(): Promise<void> {
    const sizes = this.#disk.fewest === "bytes" ? [4 * MIB, 64 * KIB, 2 * KIB, 1] : [1];
    for (const sizeBytes of sizes) while (await this.#fits(sizeBytes));
  }

  async #fits(sizeBytes: number): Promise<boolean> {
    const number = this.#puts++;
    try {
      await this.put(`a${number % APPLICATIONS}/s${number % SESSIONS}/${number}`, sizeBytes);
      return true;
    } catch (error) {
      if (isCacheError(error, "STORAGE_FULL")) return false;
      throw error;
    }
  }

  /** Those that are there. */
  keys(): Promise<string[]> {
    return this.#client.keys();
  }
}

describe.each(here)("a server on a disk that puts have filled ($name)", (disk) => {
  it("deletes by object, session and application, and takes puts again, over restarts", async () => {
    const served = new ServedDisk(disk);
    await served.start();
    await served.put("a0/s0/first", 64 * KIB);
    await served.fill();
    const before = await served.keys();
    expect(served.log).toMatch(/"text":"no space left on the disk","errno":"ENOSPC"/);

    await served.restart("SIGKILL");
    expect(await served.keys()).toEqual(before);
    await served.client.action("DELETE", "a0/s0/first");
    expect(await served.put("a0/s0/first", 64 * KIB)).toBe(2);
    await served.fill();

    await served.restart("SIGTERM");
    await served.client.action("DELETE", "a0/s0");
    expect((await served.keys()).filter((key) => key.startsWith("a0/s0/"))).toEqual([]);
    expect(await served.put("a0/s0/first", 64 * KIB)).toBe(3);
    await served.fill();

    await served.client.action("DELETE", "a1/*");
    await served.restart("SIGKILL");
    expect((await served.keys()).filter((key) => key.startsWith("a1/"))).toEqual([]);
    expect(await served.put("a1/s0/next", 64 * KIB)).toBeGreaterThan(1);
    for (const application of ["a0", "a1", "a2"]) await served.client.action("DELETE", `${application}/*`);
    expect(await served.keys()).toEqual([]);
  }, 180_000);
});
