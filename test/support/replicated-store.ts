/**
 * A SeaweedFS of several processes with replication: a master, three volume servers of which two have each byte, a filer, and
 * the S3 server. A volume server can be killed.
 *
 * Ready in about 10 s; 600 MB of memory. The filer and the master are single: their loss is that of the store.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { seaweedfsProgram } from "./python-environment.ts";
import { becomesReady, freePorts, type RunningStore, storeAt, writeIdentities } from "./s3-store.ts";
import { temporaryDirectory } from "./temporary-directory.ts";

const HOST = "127.0.0.1";
const VOLUME_SERVERS = 3;
/** One more copy, on another server of the same rack. */
const REPLICATION = "001";

export interface ReplicatedStore extends RunningStore {
  /** Ends the volume server that holds the most bytes, without a warning. @returns how many it held */
  killVolumeServer(): Promise<number>;
}

interface VolumeServer {
  readonly dir: string;
  readonly child: ChildProcess;
}

type Options = Readonly<Record<string, string | number | boolean>>;

export async function startReplicatedStore(): Promise<ReplicatedStore> {
  const program = await seaweedfsProgram();
  if ("missing" in program) throw new Error(`no SeaweedFS: ${program.missing}`);
  const folder = temporaryDirectory("s3-replicated");
  const children: ChildProcess[] = [];
  let written = "";
  const run = (verb: string, options: Options): ChildProcess => {
    const given = Object.entries(options).map(([name, value]) => `-${name}=${value}`);
    const args = ["-logtostderr=true", "-v=0", verb, ...given];
    const child = spawn(program.weed, args, { stdio: ["ignore", "ignore", "pipe"] });
    child.stderr!.on("data", (text: Buffer) => {
      written = (written + text.toString("utf8")).slice(-4000);
    });
    children.push(child);
    return child;
  };
  const end = (): void => {
    for (const child of children) child.kill("SIGKILL");
    folder.remove();
  };
  process.on("exit", end);
  const { endpoint, volumeServers } = await runAll(run, folder.path);
  const store = storeAt(endpoint, async () => {
    process.off("exit", end);
    await Promise.all(children.map(kill));
    folder.remove();
  });
  const isRunning = (): boolean => children.every(({ exitCode }) => exitCode === null);
  if (await becomesReady(store.bucket(), isRunning)) {
    return { ...store, killVolumeServer: () => killFullest(volumeServers) };
  }
  await store.stop();
  throw new Error(`SeaweedFS did not start: ${written}`);
}

async function runAll(
  run: (verb: string, options: Options) => ChildProcess,
  folder: string,
): Promise<{ readonly endpoint: string; readonly volumeServers: readonly VolumeServer[] }> {
  const ports = await freePorts(6 + 2 * VOLUME_SERVERS);
  const take = (): { readonly port: number; readonly "port.grpc": number } => ({
    port: ports.shift()!,
    "port.grpc": ports.shift()!,
  });
  const addressOf = (at: ReturnType<typeof take>): string => `${HOST}:${at.port}.${at["port.grpc"]}`;
  const ownFolder = (name: string): string => {
    const path = join(folder, name);
    mkdirSync(path);
    return path;
  };
  const ip = { ip: HOST, "ip.bind": HOST };
  const [master, filer, s3] = [take(), take(), take()];
  run("master", {
    ...{ ...master, ...ip, mdir: ownFolder("master"), telemetry: false },
    ...{ defaultReplication: REPLICATION, volumeSizeLimitMB: 256 },
  });
  const volumeServers = Array.from({ length: VOLUME_SERVERS }, (_, place) => {
    const dir = ownFolder(`v${place}`);
    return { dir, child: run("volume", { ...take(), ...ip, dir, max: 40, master: addressOf(master) }) };
  });
  const filerSocket = join(folder, "filer.sock");
  run("filer", {
    ...{ ...filer, ...ip, master: addressOf(master), localSocket: filerSocket },
    ...{ defaultStoreDir: ownFolder("filer"), defaultReplicaPlacement: REPLICATION },
  });
  run("s3", {
    ...{ ...s3, "ip.bind": HOST, filer: addressOf(filer), config: writeIdentities(folder) },
    ...{ localSocket: join(folder, "s3.sock"), "port.iceberg": 0, "port.lance": 0 },
  });
  return { endpoint: `http://${HOST}:${s3.port}`, volumeServers };
}

async function killFullest(servers: readonly VolumeServer[]): Promise<number> {
  const held = servers.map(({ dir, child }) => ({ child, sizeBytes: bytesIn(dir) }));
  const [fullest] = held.toSorted((a, b) => b.sizeBytes - a.sizeBytes);
  await kill(fullest!.child);
  return fullest!.sizeBytes;
}

/** Of the files of volumes. */
function bytesIn(dir: string): number {
  const files = readdirSync(dir).filter((name) => name.endsWith(".dat"));
  return files.reduce((sum, name) => sum + statSync(join(dir, name)).size, 0);
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, "exit");
  child.kill("SIGKILL");
  await gone;
}
