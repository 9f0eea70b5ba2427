/**
 * The calls that a replica gets in a test, and their outcomes as the check of histories needs them.
 */
import { isCacheError } from "../../../src/errors.ts";
import type { ObjectKey } from "../../../src/object/object-key.ts";
import type { BucketObjects, FoundObject } from "../../../src/storage/s3/bucket-objects.ts";
import { listObjects } from "../../../src/storage/s3/list-objects.ts";
import type { PutTerms, WriteCondition } from "../../../src/storage/s3/object-changes.ts";
import { StagedBody } from "../../../src/storage/s3/staged-body.ts";
import type { Call, Outcome, Shown } from "../../contract/bucket-model/history.ts";
import type { Random } from "../../support/random.ts";

const FACTS: PutTerms = { form: "file", kind: "opaque", rowCount: 1, dataBytes: 0 };
const SCOPE = { applicationId: "app", sessionId: "s 1" };
const TTL_MS = 3_600_000;
/** How long a failure is held back: a store that is out of reach would use up all calls of a load at once. */
const FAILED_MS = 200;
/** Longer values are blobs. */
const INLINE_BYTES = 24;

export interface AskedCall {
  readonly verb: Call["verb"];
  readonly name: string;
  readonly value: string;
  /** A get: a version that the caller holds. */
  readonly heldVersion?: number;
  /** A get: up to this long between two of its reads, ms. */
  readonly restMs?: number;
}

/** `listed`: the versions of the objects by name. `broken`: an error that no call may end with. */
export type CallAnswer =
  | Outcome
  | { readonly kind: "listed"; readonly versions: Readonly<Record<string, number>> }
  | { readonly kind: "broken"; readonly text: string };

export function keyOf(objectId: string): ObjectKey {
  return { ...SCOPE, objectId };
}

export async function answerCall(
  objects: BucketObjects,
  call: AskedCall,
  random: Random,
): Promise<CallAnswer> {
  try {
    return await perform(objects, call, random);
  } catch (error) {
    if (!isCacheError(error, "STORAGE_UNAVAILABLE")) return { kind: "broken", text: String(error) };
    await objects.manifests.timing.pause(FAILED_MS);
    const { outcome, replaced, isSent } = error.facts;
    const isClean = outcome === "not applied" || replaced === true || isSent === false;
    return { kind: isClean ? "refused" : "unknown" };
  }
}

async function perform(objects: BucketObjects, call: AskedCall, random: Random): Promise<CallAnswer> {
  const { verb, name } = call;
  const key = keyOf(name);
  if (verb === "list") return { kind: "listed", versions: await versionsOf(objects) };
  if (verb === "delete") return outcomeOf(await objects.delete(key));
  if (verb === "renew") return outcomeOf(await objects.renew(key, TTL_MS));
  if (verb === "get") {
    const { heldVersion, restMs = 0 } = call;
    const terms = heldVersion === undefined ? {} : { ifVersionNot: heldVersion };
    const rest = () => objects.manifests.timing.pause(restMs === 0 ? 0 : random.below(restMs));
    return await objects.use(key, terms, (found) => showObject(found, rest));
  }
  return outcomeOf(await write(objects, call));
}

async function write(objects: BucketObjects, { verb, name, value }: AskedCall) {
  const key = keyOf(name);
  const { bucket, timing } = objects.manifests;
  const staged = new StagedBody({ bucket, timing, key, inlineBytesMax: INLINE_BYTES });
  await staged.append([Buffer.from(value)]);
  const body = await staged.finish();
  if (verb === "patch") return await objects.patch(key, body);
  const version = objects.manifests.held(key)?.manifest?.version ?? 1;
  const condition: Partial<Record<Call["verb"], WriteCondition>> = {
    create: { ifAbsent: true },
    update: { ifVersion: version },
  };
  return await objects.put(key, body, { ...FACTS, ...(condition[verb] && { condition: condition[verb] }) });
}

function outcomeOf(written: Awaited<ReturnType<BucketObjects["delete"]>>): Outcome {
  return written.kind === "done" ? { kind: "written", version: written.version } : { kind: "refused" };
}

async function showObject(found: FoundObject, rest: () => Promise<void>): Promise<Outcome> {
  if (found.kind === "same") return { kind: "seen", version: found.version };
  const version = found.state.manifest?.version ?? 0;
  const absent: Shown = { isLive: false, version, baseVersion: 0, values: [] };
  if (found.kind === "missing") return { kind: "read", shown: absent };
  const { reader } = found;
  await rest();
  const values = [(await reader.readAll(reader.live.base)).toString()];
  for await (const { content } of reader.patches()) {
    await rest();
    values.push((await reader.readAll(content)).toString());
  }
  return { kind: "read", shown: { isLive: true, version, baseVersion: reader.live.baseVersion, values } };
}

async function versionsOf(objects: BucketObjects): Promise<Record<string, number>> {
  const versions: Record<string, number> = {};
  for await (const page of listObjects(objects.manifests, SCOPE)) {
    for (const { manifest } of page) versions[manifest.key.objectId] = manifest.version;
  }
  return versions;
}
