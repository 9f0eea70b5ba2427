/**
 * A real S3 store for tests: a SeaweedFS that this process starts, or the one at `TEST_S3_ENDPOINT`.
 *
 * The other store takes TEST_S3_ACCESS_KEY, TEST_S3_SECRET_KEY and TEST_S3_BUCKET, which has to exist; the defaults are those
 * of ours. Each test file gets a prefix of its own. Where SeaweedFS cannot be had, that is announced, and the tests are skipped;
 * with CI=true it is an error. Ready in 2 to 4 s; 200 to 350 MB of memory.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { staticCredentials } from "../../src/s3/credentials/credentials.ts";
import { S3Bucket } from "../../src/s3/s3-bucket.ts";
import type { StoreOptions } from "../../src/s3/store-options.ts";
import { seaweedfsProgram } from "./python-environment.ts";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

const HOST = "127.0.0.1";
const POLL_MS = 100;
const START_MS = 60_000;
const { TEST_S3_ENDPOINT, TEST_S3_ACCESS_KEY = "test", TEST_S3_SECRET_KEY = "testtest" } = process.env;
const { TEST_S3_BUCKET = "tests" } = process.env;

export interface RunningStore {
  readonly endpoint: string;
  readonly options: StoreOptions;
  /** A new client with connections of its own; closed by `stop`. */
  bucket(options?: Partial<StoreOptions>): S3Bucket;
  stop(): Promise<void>;
}

export interface S3TestStore extends RunningStore {
  /** Ends the store without a warning, as the loss of its machine would. Only one that this process started. */
  kill(): Promise<void>;
  /** Starts it again after `kill`, with the same data and at the same endpoint. */
  restart(): Promise<void>;
  /** SIGSTOP: it accepts connections and answers nothing. SIGCONT ends that. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
}

/** Why the tests with a real store are skipped; undefined if they are not. Announces it. */
export async function missingS3Store(): Promise<string | undefined> {
  if (TEST_S3_ENDPOINT !== undefined) return undefined;
  const program = await seaweedfsProgram();
  if (!("missing" in program)) return undefined;
  if (process.env.CI === "true") throw new Error(`no S3 store for the tests: ${program.missing}`);
  const line = "!".repeat(80);
  process.stdout.write(`\n${line}\ns3: NOT TESTED WITH A REAL STORE: ${program.missing}\n${line}\n`);
  return program.missing;
}

export async function startS3Store(): Promise<S3TestStore> {
  const seaweed = TEST_S3_ENDPOINT === undefined ? await Seaweedfs.start() : undefined;
  const store = storeAt(TEST_S3_ENDPOINT ?? seaweed!.endpoint, async () => seaweed?.stop());
  try {
    if (seaweed !== undefined) await seaweed.ready(store.bucket());
    return {
      ...store,
      kill: async () => seaweed?.kill(),
      restart: async () => seaweed?.restart(store.bucket()),
      signal: (signal) => seaweed?.signal(signal),
    };
  } catch (error) {
    await store.stop();
    throw error;
  }
}

export function storeAt(endpoint: string, end: () => Promise<void>): RunningStore {
  const credentials = staticCredentials({
    accessKeyId: TEST_S3_ACCESS_KEY,
    secretAccessKey: TEST_S3_SECRET_KEY,
  });
  const options: StoreOptions = { bucket: TEST_S3_BUCKET, endpoint, credentials };
  const buckets: S3Bucket[] = [];
  return {
    endpoint,
    options,
    bucket: (more = {}) => {
      const made = new S3Bucket({ ...options, ...more });
      buckets.push(made);
      return made;
    },
    stop: async () => {
      for (const each of buckets) each.close();
      await end();
    },
  };
}

/** A prefix that no other test uses. */
export function ownPrefix(): string {
  return `${randomUUID()}/`;
}

class Seaweedfs {
  readonly endpoint: string;
  #child!: ChildProcess;
  readonly #folder: TemporaryDirectory;
  readonly #launch: () => ChildProcess;
  #written = "";

  private constructor(launch: () => ChildProcess, folder: TemporaryDirectory, port: number) {
    this.#launch = launch;
    this.#folder = folder;
    this.endpoint = `http://${HOST}:${port}`;
    this.#run();
    process.on("exit", this.#end);
  }

  #run(): void {
    this.#child = this.#launch();
    this.#child.stderr?.on("data", (text: Buffer) => {
      this.#written = (this.#written + text.toString("utf8")).slice(-4000);
    });
  }

  static async start(): Promise<Seaweedfs> {
    const program = await seaweedfsProgram();
    if ("missing" in program) throw new Error(`no SeaweedFS: ${program.missing}`);
    const folder = temporaryDirectory("s3");
    const ports = await freePorts(8);
    const launch = () =>
      spawn(program.weed, argumentsOf(folder.path, ports), { stdio: ["ignore", "ignore", "pipe"] });
    return new Seaweedfs(launch, folder, ports[6]!);
  }

  async restart(bucket: S3Bucket): Promise<void> {
    this.#run();
    await this.ready(bucket);
  }

  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    this.#child.kill(signal);
  }

  async ready(bucket: S3Bucket): Promise<void> {
    if (await becomesReady(bucket, () => this.#child.exitCode === null)) return;
    throw new Error(`SeaweedFS did not start: ${this.#written}`);
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await gone;
  }

  async stop(): Promise<void> {
    process.off("exit", this.#end);
    await this.kill();
    this.#folder.remove();
  }

  readonly #end = (): void => {
    this.#child.kill("SIGKILL");
    this.#folder.remove();
  };
}

/** True as soon as the store stores objects, with the bucket of the tests made; false if it ends before. */
export async function becomesReady(bucket: S3Bucket, isRunning: () => boolean): Promise<boolean> {
  const end = Date.now() + START_MS;
  const { requests } = bucket;
  const make = { method: "PUT", action: "the bucket of the tests" } as const;
  const isReady = async (): Promise<boolean> => {
    const answer = await requests.attempt(make);
    const isMade = "status" in answer && [200, 409].includes(answer.status);
    return isMade && (await bucket.write("ready", [Buffer.from("x")])).kind === "done";
  };
  while (isRunning() && Date.now() < end) {
    // While the store starts, it may count as unreachable.
    if (await isReady().catch(() => false)) return true;
    await wait(POLL_MS);
  }
  return false;
}

/** Writes the credentials that SeaweedFS accepts. @returns the path of the file */
export function writeIdentities(folder: string): string {
  const config = join(folder, "s3.json");
  const credentials = [{ accessKey: TEST_S3_ACCESS_KEY, secretKey: TEST_S3_SECRET_KEY }];
  const actions = ["Admin", "Read", "Write", "List", "Tagging"];
  writeFileSync(config, JSON.stringify({ identities: [{ name: "tests", credentials, actions }] }));
  return config;
}

function argumentsOf(folder: string, ports: readonly number[]): string[] {
  const config = writeIdentities(folder);
  const [master, masterGrpc, volume, volumeGrpc, filer, filerGrpc, s3, s3Grpc] = ports;
  const options = {
    dir: folder,
    ip: HOST,
    "ip.bind": HOST,
    "master.port": master,
    "master.port.grpc": masterGrpc,
    "master.volumeSizeLimitMB": 1024,
    "master.telemetry": false,
    "volume.port": volume,
    "volume.port.grpc": volumeGrpc,
    "volume.max": 40,
    filer: true,
    "filer.port": filer,
    "filer.port.grpc": filerGrpc,
    "filer.localSocket": join(folder, "filer.sock"),
    s3: true,
    "s3.port": s3,
    "s3.port.grpc": s3Grpc,
    "s3.localSocket": join(folder, "s3.sock"),
    "s3.config": config,
    "s3.port.iceberg": 0,
    "s3.port.lance": 0,
  };
  const log = ["-logtostderr=true", "-v=0"];
  return [...log, "server", ...Object.entries(options).map(([name, value]) => `-${name}=${value}`)];
}

/** Ports that are free now. All are held until the last one is known, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    server.listen(0, HOST);
    await once(server, "listening");
    ports.push((server.address() as { port: number }).port);
  }
  for (const server of servers) {
    server.close();
    await once(server, "close");
  }
  return ports;
}
