/**
 * The measured server (measured-server.ts) as a test sees it: clients of it, and how long its turns were.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { FlightTestClient } from "./flight-client.ts";
import type { Measured } from "./measured-server.ts";

export class MeasuredServer {
  readonly #process: ChildProcess;
  readonly #endpoint: string;

  constructor(child: ChildProcess, endpoint: string) {
    this.#process = child;
    this.#endpoint = endpoint;
  }

  /** On a connection of its own: what one call leaves in a client's session is no matter of the next. */
  async with<Result>(use: (client: FlightTestClient) => Promise<Result>): Promise<Result> {
    const client = new FlightTestClient(this.#endpoint);
    try {
      return await use(client);
    } finally {
      await client.close();
    }
  }

  /** Null while it lives. */
  get exitCode(): number | null {
    return this.#process.exitCode;
  }

  /** Since the last time it was asked. */
  async measured(): Promise<Measured> {
    const answer = once(this.#process, "message");
    this.#process.send("measured");
    return (await answer)[0];
  }

  stop(): void {
    this.#process.kill("SIGKILL");
  }
}

/** @param directory where objects are kept; absent: in memory. */
export async function startMeasuredServer(directory = ""): Promise<MeasuredServer> {
  const file = fileURLToPath(new URL("./measured-server.ts", import.meta.url));
  const stdio: ("ignore" | "inherit" | "ipc")[] = ["ignore", "ignore", "inherit", "ipc"];
  const child = fork(file, [directory], { execArgv: ["--import", "tsx"], stdio });
  const [endpoint] = await once(child, "message");
  return new MeasuredServer(child, endpoint);
}
