/**
 * The built server as it is attacked: files in a directory of its own, `max_memory: 64M`, the recorder of turns inside, and, where
 * it is asked for, a bound on its memory that ends it.
 *
 * Needs a build (`npm run build`).
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { selfSignedCertificate } from "../support/certificate.ts";
import { startServer, type TestServer } from "../support/start-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import type { Attack } from "./attack-run.ts";
import { BOUNDS } from "./bounds.ts";
import { type MemoryGroup, makeMemoryGroup } from "./memory-group.ts";

const RECORDER = new URL("./turn-recorder.mjs", import.meta.url).href;

/** What the recorder said of 100 ms. */
export interface TurnRecord {
  readonly time: number;
  /** The turn with the most work: by the clock, and what the thread had of a processor. */
  readonly turnMs: number;
  readonly workedMs: number;
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
}

export interface AttackedCache {
  readonly server: TestServer;
  readonly certificate?: string;
  /** Why there is no cgroup, when one was asked for. */
  readonly missingGroup?: string;
  readonly group?: MemoryGroup;
  records(): TurnRecord[];
  /** Ends it, and removes all that it left. */
  stop(): Promise<void>;
}

/** @param options how large the attack is; a bound on the server's memory, for the run in a cgroup */
export async function startAttackedCache(
  attack: Attack,
  { scale, groupBytes }: { readonly scale: number; readonly groupBytes?: number },
): Promise<AttackedCache> {
  const directory = temporaryDirectory("attacked");
  const storage = join(directory.path, "objects");
  await attack.fill?.(storage, scale);
  const certificate = attack.needs === "tls" ? selfSignedCertificate() : undefined;
  if (certificate !== undefined) {
    writeFileSync(join(directory.path, "cert.pem"), certificate.cert);
    writeFileSync(join(directory.path, "key.pem"), certificate.key);
  }
  const made = groupBytes === undefined ? undefined : makeMemoryGroup(groupBytes);
  const group = typeof made === "string" ? undefined : made;
  const turns = join(directory.path, "turns.jsonl");
  writeFileSync(turns, "");
  try {
    const server = await startServer({
      storage,
      endpoint: `${certificate === undefined ? "grpc" : "grpcs"}://127.0.0.1:0`,
      args: ["--config", configurationFile(directory, attack)],
      environment: {
        NODE_OPTIONS: `--import=${RECORDER}`,
        TURN_RECORD: turns,
        ...(group !== undefined && { MEMORY_GROUP: group.joinFile }),
      },
    });
    return {
      server,
      ...(certificate !== undefined && { certificate: certificate.cert.toString() }),
      ...(typeof made === "string" && { missingGroup: made }),
      ...(group !== undefined && { group }),
      records: () => readRecords(turns),
      stop: async () => {
        await server.stop("SIGKILL");
        group?.remove();
        directory.remove();
      },
    };
  } catch (error) {
    group?.remove();
    directory.remove();
    throw error;
  }
}

function configurationFile(directory: TemporaryDirectory, { needs, configuration = [] }: Attack): string {
  const file = join(directory.path, "flame-cluster.yaml");
  const tls = needs === "tls" ? ["tls:", "  cert_file: cert.pem", "  key_file: key.pem"] : [];
  const lines = ["eviction:", `  max_memory: ${BOUNDS.maxMemory}`, ...tls, ...configuration];
  writeFileSync(file, `cache:\n${lines.map((line) => `  ${line}\n`).join("")}`);
  return file;
}

function readRecords(file: string): TurnRecord[] {
  const lines = readFileSync(file, "utf8").split("\n");
  // The last one may still be on its way.
  return lines.slice(0, -1).map((line) => JSON.parse(line) as TurnRecord);
}
