/**
 * Objects of every kind that the dashboard previews, put over HTTP; and many small objects, put into a cache directly.
 */
import { tableFromArrays, tableToIPC } from "@uwdata/flechette";
import type { IndexedCache } from "../../src/cache/indexed-cache.ts";
import { parseObjectKey } from "../../src/object/object-key.ts";
import { OpaqueWriter } from "../../src/object/opaque-writer.ts";
import { tensorBytes } from "./tensor-bytes.ts";

const ARROW_STREAM = "application/vnd.apache.arrow.stream";
const OCTETS = "application/octet-stream";
const ROWS = 2_000;
const SIDE = 96;

interface Sample {
  readonly key: string;
  readonly type: string;
  readonly body: Uint8Array;
}

const bytesOf = (text: string) => Buffer.from(text);

/** What a page must not run, load or believe. */
export const MARKUP = '<img src=x onerror="document.title=1"><script>document.title=2</script>';

function usersTable(): Uint8Array {
  const rows = Array.from({ length: ROWS }, (_, row) => row);
  return tableToIPC(
    tableFromArrays({
      user_id: Int32Array.from(rows, (row) => 100_000 + row),
      country: rows.map((row) => ["de", "fr", "us", "jp"][row % 4]!),
      spend_eur: Float64Array.from(rows, (row) => (Math.round(row * 137.77) % 5_000) / 10),
      active: rows.map((row) => row % 3 === 0),
      last_seen: rows.map((row) => (row % 7 === 0 ? null : new Date(1_790_000_000_000 + row * 3_600_000))),
      [MARKUP]: rows.map(() => MARKUP),
    }),
    {},
  )!;
}

/** Two waves, so that a picture of it is not noise. */
function waves(): Uint8Array {
  const values = Array.from({ length: SIDE * SIDE }, (_, at) => {
    const [x, y] = [(at % SIDE) - SIDE / 2, Math.floor(at / SIDE) - SIDE / 2];
    return Math.cos(Math.hypot(x + 14, y) / 5) + Math.cos(Math.hypot(x - 14, y) / 5);
  });
  return Buffer.concat([bytesOf("FLM\u0001"), tensorBytes({ shape: [SIDE, SIDE], values })]);
}

const CONFIG = {
  environment: "CartPole-v1",
  learning_rate: 0.0003,
  layers: [64, 64],
  seed: 17,
  checkpoints: { every: 500, keep: true, last: null },
  note: MARKUP,
};

export const SAMPLES: readonly Sample[] = [
  { key: "features/batch-001/users", type: ARROW_STREAM, body: usersTable() },
  { key: "train/run-001/config", type: "application/json", body: bytesOf(JSON.stringify(CONFIG)) },
  { key: "train/run-001/notes", type: "text/plain", body: bytesOf(`first line\n${MARKUP}\n`) },
  { key: "train/run-001/policy-map", type: OCTETS, body: waves() },
  {
    key: "train/run-001/blob",
    type: OCTETS,
    body: Buffer.from(Array.from({ length: 600 }, (_, at) => at % 256)),
  },
  { key: "train/run-001/pickle", type: OCTETS, body: Buffer.from([0x80, 5, 0x4b, 1, 0x2e]) },
];

/** @throws {Error} if an object is not stored */
export async function putSamples(
  admin: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  for (const { key, type, body } of SAMPLES) {
    await putOver(`${admin}/v1/objects/${key}`, body, { ...headers, "content-type": type });
  }
}

export async function putOver(url: string, body: Uint8Array, headers: Readonly<Record<string, string>>) {
  const response = await fetch(url, { method: "PUT", body: Buffer.from(body), headers });
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
}

/** Sessions of some applications; the first session has as many objects as all others together. */
const SESSIONS = ["rl-train", "features", "etl-nightly", "inference", "notebooks"].flatMap(
  (application, index) =>
    Array.from(
      { length: 12 - 2 * index },
      (_, session) => `${application}/job-${String(session + 1).padStart(3, "0")}`,
    ),
);

/** @returns the session with the most objects, and how many it has */
export async function putMany(
  cache: IndexedCache,
  count: number,
): Promise<{ session: string; objects: number }> {
  const objects = Math.floor(count / 2);
  const rest = count - objects;
  const [first, ...others] = SESSIONS;
  const weights = others.map((_, index) => 1 / (1 + ((index * 7) % others.length)));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  await putSession(cache, first!, objects);
  let left = rest;
  for (const [index, session] of others.entries()) {
    const wanted = index === others.length - 1 ? left : Math.floor((rest * weights[index]!) / total);
    await putSession(cache, session, wanted);
    left -= wanted;
  }
  return { session: first!, objects };
}

async function putSession(cache: IndexedCache, session: string, count: number): Promise<void> {
  for (let number = 0; number < count; number += 1) {
    const key = parseObjectKey(`${session}/object-${String(number).padStart(6, "0")}`);
    const draft = cache.draftPut(key, "opaque");
    const writer = new OpaqueWriter(draft.sink);
    await writer.append([Buffer.alloc(64 + Math.floor(((number * 7919) % 4096) ** 2 / 4096), number % 251)]);
    await draft.commit(writer, {});
  }
}
