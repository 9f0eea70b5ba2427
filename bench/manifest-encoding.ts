/**
 * Measures what the encoding of a manifest costs: bytes, and time to write and to read one.
 *
 * `npx tsx bench/manifest-encoding.ts`. The binary form is the product's; JSON has the bytes of the
 * object in base64. Both are compared with a checksum, as a reader does.
 */
import { crc32 } from "node:zlib";
import { decodeManifest, encodeManifest } from "../src/storage/s3/encode-manifest.ts";
import { contentOf, type LiveObject, type Manifest, type PatchEntry } from "../src/storage/s3/manifest.ts";
import { randomId } from "../src/storage/s3/names.ts";
import { listOperations, withOperation } from "../src/storage/s3/operation-ring.ts";

const ROUNDS = 15;
const BATCH_MS = 20;
const KEY = { applicationId: "app", sessionId: "session-1", objectId: "object-1" };

function manifestOf(inlineBytes: number, patchCount: number, patchBytes: number): Manifest {
  const base = contentOf(
    inlineBytes > 0
      ? [{ kind: "inline", bytes: new Uint8Array(inlineBytes).fill(7) }]
      : [{ kind: "blob", id: randomId(), sizeBytes: 10 * 2 ** 30, crc32: 1 }],
  );
  const patches = Array.from({ length: patchCount }, (_, index): PatchEntry => {
    return {
      version: index + 2,
      content: contentOf([{ kind: "inline", bytes: new Uint8Array(patchBytes).fill(9) }]),
    };
  });
  const live: LiveObject = {
    form: "file",
    kind: "opaque",
    rowCount: 1,
    dataBytes: inlineBytes,
    putAtMs: Date.now(),
    baseVersion: 1,
    base,
    segments: [],
    patches,
  };
  const version = patchCount + 1;
  let recent: Buffer | undefined;
  for (let count = 0; count < 32; count += 1) recent = withOperation(recent, { op: randomId(), version });
  return { key: KEY, version, changes: 40, recent: recent!, live };
}

function toJson(manifest: Manifest): Buffer {
  const plain = { ...manifest, recent: listOperations(manifest.recent) };
  const text = JSON.stringify(plain, function (this: Record<string, unknown>, name, value: unknown) {
    const own = this[name];
    return own instanceof Uint8Array ? Buffer.from(own).toString("base64") : value;
  });
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from(crc32(bytes).toString(16).padStart(8, "0")), bytes]);
}

function fromJson(bytes: Buffer): unknown {
  crc32(bytes.subarray(8));
  return JSON.parse(bytes.toString("utf8", 8), (name, value: unknown) =>
    name === "bytes" && typeof value === "string" ? Buffer.from(value, "base64") : value,
  );
}

/** Median time of a call, us. */
function timeOf(work: () => unknown): number {
  const times = Array.from({ length: ROUNDS }, () => {
    let calls = 0;
    const startMs = performance.now();
    while (performance.now() - startMs < BATCH_MS) {
      work();
      calls += 1;
    }
    return ((performance.now() - startMs) * 1000) / calls;
  });
  return times.toSorted((one, other) => one - other)[ROUNDS >> 1]!;
}

const CASES: [string, Manifest][] = [
  ["a blob", manifestOf(0, 0, 0)],
  ["1 KiB inline", manifestOf(1024, 0, 0)],
  ["64 KiB inline", manifestOf(64 * 1024, 0, 0)],
  ["64 patches of 100 bytes", manifestOf(1024, 64, 100)],
];

console.log("| object | binary: bytes | write, us | read, us | JSON: bytes | write, us | read, us |");
console.log("| --- | --- | --- | --- | --- | --- | --- |");
for (const [name, manifest] of CASES) {
  const [binary, json] = [encodeManifest(manifest), toJson(manifest)];
  const cells = [
    binary.length,
    timeOf(() => encodeManifest(manifest)).toFixed(1),
    timeOf(() => decodeManifest(binary)).toFixed(1),
    json.length,
    timeOf(() => toJson(manifest)).toFixed(1),
    timeOf(() => fromJson(json)).toFixed(1),
  ];
  console.log(`| ${[name, ...cells].join(" | ")} |`);
}
