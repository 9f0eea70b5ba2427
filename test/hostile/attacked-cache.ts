/**
 * The built server as it is attacked: files in a directory of its own, `max_memory: 64M`, the recorder of turns inside, and, where
 * it is asked for, a bound on its memory that ends it.
 *
 * Needs a build (`npm run build`).
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { selfSignedCertificate } from "../support/certificate.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";
import type { Attack } from "./attack-run.ts";
import { BOUNDS } from "./bounds.ts";
import { type MemoryGroup, makeMemoryGroup } from "./memory-group.ts";
import { type RecordedServer, startRecordedServer } from "./recorded-server.ts";

export interface AttackedCache extends RecordedServer {
  readonly certificate?: string;
  /** Why there is no cgroup, when one was asked for. */
  readonly missingGroup?: string;
  readonly group?: MemoryGroup;
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
  try {
    const recorded = await startRecordedServer({
      storage,
      endpoint: `${certificate === undefined ? "grpc" : "grpcs"}://127.0.0.1:0`,
      args: ["--config", configurationFile(directory, attack)],
      environment: group === undefined ? {} : { MEMORY_GROUP: group.joinFile },
    });
    return {
      ...recorded,
      ...(certificate !== undefined && { certificate: certificate.cert.toString() }),
      ...(typeof made === "string" && { missingGroup: made }),
      ...(group !== undefined && { group }),
      stop: async () => {
        await recorded.stop();
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
