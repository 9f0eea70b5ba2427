/**
 * Checks one request after the other whether a store does what S3 does: conditions, ranges,
 * checksums, lists.
 *
 * If the engine depends on a check that fails, the store is refused with the reason. The other
 * results are recorded.
 */
import { isCacheError } from "../../errors.ts";
import type { S3Bucket } from "../s3-bucket.ts";
import { type ProbeRun, StoreRefused, type Verdict } from "./probe-run.ts";

export async function checkConditions(run: ProbeRun, bucket: S3Bucket): Promise<void> {
  await checkCreate(run);
  await checkReplace(run);
  await checkReads(run);
  await checkRemove(run);
  run.found.checksums = await checkChecksum(run, bucket);
  await checkList(run);
}

async function checkCreate(run: ProbeRun): Promise<void> {
  const key = run.newKey();
  if ((await run.textOf(key)) !== undefined)
    throw new StoreRefused("it returns an object that was never written");
  await run.write(key, "one", { ifAbsent: true });
  const second = (): ReturnType<typeof run.bucket.write> =>
    run.bucket.write(key, [Buffer.from("two")], { ifAbsent: true });
  run.found.createIfAbsent = await orRefused(() => run.conflictOf(second));
  if (run.found.createIfAbsent !== "works") {
    throw new StoreRefused("it ignores or refuses If-None-Match: * on a write");
  }
  await expectText(run, key, "one", "a write whose If-None-Match: * did not hold");
}

async function checkReplace(run: ProbeRun): Promise<void> {
  const key = run.newKey();
  const first = await run.write(key, "one");
  const second = await run.write(key, "two", { ifMatch: first });
  if (first === second) throw new StoreRefused("it gives different bytes the same entity tag");
  const stale = (at: string) => () => run.bucket.write(at, [Buffer.from("three")], { ifMatch: first });
  run.found.replaceIfMatch = await orRefused(() => run.conflictOf(stale(key)));
  if (run.found.replaceIfMatch !== "works")
    throw new StoreRefused("it ignores or refuses If-Match on a write");
  await expectText(run, key, "two", "a write whose If-Match did not hold");
  const absent = run.newKey();
  if ((await run.conflictOf(stale(absent))) !== "works" || (await run.textOf(absent)) !== undefined) {
    throw new StoreRefused("it writes with If-Match although there is no object");
  }
}

async function checkReads(run: ProbeRun): Promise<void> {
  const key = run.newKey();
  const first = await run.write(key, "0123456789");
  const same = await run.bucket.read(key, { bytesMax: 100, ifNoneMatch: first });
  if (same.kind !== "same") throw new StoreRefused("it ignores If-None-Match on a read");
  await run.write(key, "abcdefghij", { ifMatch: first });
  const other = await run.bucket.read(key, { bytesMax: 100, ifNoneMatch: first });
  if (other.kind !== "found" || other.body.toString("utf8") !== "abcdefghij") {
    throw new StoreRefused("it does not return an object that was replaced a moment ago");
  }
  run.found.notModified = "works";
  const range = await orRefused(async () => {
    const bytes = await run.bucket.readRange(key, 2, 3);
    return bytes?.toString("utf8") === "cde" ? "works" : "ignored";
  });
  run.found.ranges = range;
  if (range !== "works") throw new StoreRefused("it does not return a range of an object");
}

/** The engine works without it: unreferenced objects are removed by age. */
async function checkRemove(run: ProbeRun): Promise<void> {
  const key = run.newKey();
  const first = await run.write(key, "one");
  const second = await run.write(key, "two", { ifMatch: first });
  run.found.removeIfMatch = await orRefused(() => run.conflictOf(() => run.bucket.remove(key, first)));
  const isStill = (await run.textOf(key)) === "two";
  if (run.found.removeIfMatch === "works" && !isStill) {
    throw new StoreRefused("it reports a conflict for a removal and removes the object");
  }
  if (!isStill) return;
  const outcome = await run.bucket.remove(key, ...(run.found.removeIfMatch === "works" ? [second] : []));
  if (outcome.kind === "done" && (await run.textOf(key)) !== undefined) {
    throw new StoreRefused("it returns an object that was removed a moment ago");
  }
}

/** A wrong checksum has to be refused; a store that does not read it stores the bytes. */
async function checkChecksum(run: ProbeRun, { requests }: S3Bucket): Promise<Verdict> {
  const request = {
    method: "PUT",
    action: "a write with a wrong checksum",
    key: run.newKey(),
    headers: { "x-amz-checksum-crc32": "AAAAAA==" },
    body: [Buffer.from("x")],
  } as const;
  const answer = await requests.attempt(request);
  if (!("status" in answer)) return "unknown";
  return answer.status === 200 ? "ignored" : "works";
}

async function checkList(run: ProbeRun): Promise<void> {
  const key = run.newKey();
  await run.write(key, "listed");
  for await (const page of run.bucket.list(run.prefix)) {
    const found = page.find((each) => each.key === key);
    if (found?.sizeBytes === "listed".length) return;
  }
  throw new StoreRefused("its list does not contain an object that was written a moment ago");
}

async function expectText(run: ProbeRun, key: string, text: string, after: string): Promise<void> {
  if ((await run.textOf(key)) !== text) throw new StoreRefused(`it applied ${after}`);
}

/** A store that answers 400 or 501 to a condition does not implement it. */
async function orRefused(check: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await check();
  } catch (error) {
    if (isCacheError(error, "STORAGE_IO")) return "refused";
    throw error;
  }
}
