/**
 * Removes many objects: a thousand with one request, or one by one if the store cannot do that.
 *
 * Source: DeleteObjects in the Amazon S3 API Reference. It requires Content-MD5 or a checksum; both are
 * sent, because stores differ in the one that they check.
 */
import { createHash } from "node:crypto";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { inTurns } from "../turns.ts";
import { isMissing } from "./requests/answer.ts";
import { formatCrc32 } from "./requests/answer-body.ts";
import type { StoreRequest, StoreRequests } from "./requests/store-requests.ts";
import { childText, escapeXml, parseXml } from "./xml-reader.ts";

/**
 * @param removesMany false: the store is known to lack DeleteObjects
 * @returns whether the store has it
 * @throws {CacheError} STORAGE_UNAVAILABLE, STORAGE_IO: some of the objects may be removed
 */
export async function removeKeys(
  requests: StoreRequests,
  keys: readonly string[],
  removesMany: boolean,
): Promise<boolean> {
  let canRemoveMany = removesMany;
  for (let start = 0; start < keys.length; start += LIMITS.s3PageKeysMax) {
    const page = keys.slice(start, start + LIMITS.s3PageKeysMax);
    if (canRemoveMany) canRemoveMany = await removePage(requests, page);
    if (!canRemoveMany) await removeEach(requests, page);
  }
  return canRemoveMany;
}

/** False if the store does not implement the request. */
async function removePage(requests: StoreRequests, keys: readonly string[]): Promise<boolean> {
  const objects = keys.map((key) => `<Object><Key>${escapeXml(key)}</Key></Object>`).join("");
  const body = Buffer.from(
    `<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Quiet>true</Quiet>${objects}</Delete>`,
  );
  const request: StoreRequest = {
    method: "POST",
    action: `the removal of ${keys.length} objects`,
    query: { delete: "" },
    headers: {
      "content-type": "application/xml",
      "content-md5": createHash("md5").update(body).digest("base64"),
      "x-amz-checksum-crc32": formatCrc32([body]),
    },
    body: [body],
    answerBytesMax: LIMITS.s3ListBytesMax,
  };
  const answer = await requests.repeat(() => request);
  if ([404, 405, 501].includes(answer.status)) return false;
  if (answer.status !== 200) throw requests.refusal(answer, request);
  const root = await inTurns(parseXml(answer.body.toString("utf8")));
  if (root.name !== "DeleteResult")
    throw new CacheError("STORAGE_IO", "the object store did not confirm the removal");
  const failed = root.children.filter(
    (child) => child.name === "Error" && childText(child, "Code") !== "NoSuchKey",
  );
  if (failed.length > 0) {
    const codes = [...new Set(failed.map((child) => childText(child, "Code") ?? ""))].slice(0, 3);
    const text = `the object store did not remove ${failed.length} of ${keys.length} objects`;
    throw new CacheError("STORAGE_IO", text, { facts: { codes: codes.join(" ").slice(0, 200) } });
  }
  return true;
}

async function removeEach(requests: StoreRequests, keys: readonly string[]): Promise<void> {
  const left = keys[Symbol.iterator]();
  let hasFailed = false;
  const work = async (): Promise<void> => {
    for (const key of left) {
      if (hasFailed) return;
      const request: StoreRequest = { method: "DELETE", action: `the removal of ${key}`, key };
      const answer = await requests.repeat(() => request);
      const isRemoved = answer.status === 200 || answer.status === 204 || isMissing(answer);
      if (!isRemoved) throw requests.refusal(answer, request);
    }
  };
  const stop = (error: unknown): never => {
    hasFailed = true;
    throw error;
  };
  const workers = Array.from({ length: Math.min(keys.length, LIMITS.s3RemovalsMax) }, work);
  await Promise.all(workers.map((worker) => worker.catch(stop)));
}
