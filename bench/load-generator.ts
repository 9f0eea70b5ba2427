/**
 * The load generator: a process of its own that makes as many small calls as a server answers.
 *
 * Each client is one connection with one call under way. Requests are bytes made beforehand (`client.py frames`), answers
 * are only counted, so that the generator stays cheaper than any server. Takes one task per line on standard input and
 * answers each with one line of JSON.
 */
import { type ClientHttp2Session, connect } from "node:http2";
import { createInterface } from "node:readline";

export interface LoadTask {
  /** `http://HOST:PORT` */
  readonly url: string;
  readonly operation: "put" | "get";
  /** One request body per client, as hexadecimal. */
  readonly requests: readonly string[];
  readonly durationMs: number;
}

export interface LoadResult {
  readonly callsPerSecond: number;
  /** One per call, milliseconds. */
  readonly latenciesMs: number[];
  /** CPU time of the generator itself, as a part of the time that passed. */
  readonly generatorLoad: number;
}

const PATHS = {
  put: "/arrow.flight.protocol.FlightService/DoPut",
  get: "/arrow.flight.protocol.FlightService/DoGet",
} as const;

function call(session: ClientHttp2Session, path: string, request: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    let status: unknown;
    const stream = session.request({
      ":method": "POST",
      ":path": path,
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("response", (headers) => {
      status = headers["grpc-status"];
    });
    stream.on("trailers", (headers) => {
      status = headers["grpc-status"];
    });
    stream.on("error", reject);
    stream.on("close", () => (status === "0" ? resolve() : reject(new Error(`grpc-status ${status}`))));
    stream.resume();
    stream.end(request);
  });
}

async function run(task: LoadTask): Promise<LoadResult> {
  const sessions = task.requests.map(() => connect(task.url));
  const latenciesMs: number[] = [];
  const path = PATHS[task.operation];
  const cpuBefore = process.cpuUsage();
  const start = performance.now();
  const oneClient = async (session: ClientHttp2Session, request: Buffer): Promise<void> => {
    for (let before = performance.now(); before - start < task.durationMs; ) {
      await call(session, path, request);
      const after = performance.now();
      latenciesMs.push(after - before);
      before = after;
    }
  };
  await Promise.all(
    sessions.map((session, i) => oneClient(session, Buffer.from(task.requests[i] ?? "", "hex"))),
  );
  const elapsedMs = performance.now() - start;
  const cpu = process.cpuUsage(cpuBefore);
  for (const session of sessions) session.close();
  return {
    callsPerSecond: (latenciesMs.length / elapsedMs) * 1000,
    latenciesMs,
    generatorLoad: (cpu.user + cpu.system) / 1000 / elapsedMs,
  };
}

if (process.argv[2] === "--serve") {
  for await (const line of createInterface({ input: process.stdin })) {
    const result = await run(JSON.parse(line) as LoadTask);
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}
