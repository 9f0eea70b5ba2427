/**
 * Lists the keys under a prefix, page by page. Memory: one page.
 *
 * Keys arrive percent-encoded, so that every character survives XML. A key outside the prefix, or a
 * continuation token that does not change, ends the list with an error.
 * Source: ListObjectsV2 in the Amazon S3 API Reference.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { inTurns } from "../turns.ts";
import type { ListedKey } from "./bucket.ts";
import { isEtag } from "./requests/answer.ts";
import type { StoreRequest, StoreRequests } from "./requests/store-requests.ts";
import { childText, parseXml, type XmlElement } from "./xml-reader.ts";

/** @throws {CacheError} STORAGE_UNAVAILABLE, STORAGE_IO, CANCELLED */
export async function* listKeys(
  requests: StoreRequests,
  prefix: string,
  signal?: AbortSignal,
): AsyncGenerator<readonly ListedKey[]> {
  let token: string | undefined;
  do {
    const request: StoreRequest = {
      method: "GET",
      action: `the list of ${prefix}`,
      query: {
        "list-type": "2",
        "encoding-type": "url",
        "max-keys": `${LIMITS.s3PageKeysMax}`,
        prefix,
        ...(token !== undefined && { "continuation-token": token }),
      },
      answerBytesMax: LIMITS.s3ListBytesMax,
      signal,
    };
    const answer = await requests.repeat(() => request);
    if (answer.status !== 200) throw requests.refusal(answer, request);
    const root = await inTurns(parseXml(answer.body.toString("utf8")));
    const page = await inTurns(readPage(root, prefix));
    const next = nextToken(root);
    if (next !== undefined && next === token) throw wrongPage("does not continue its list");
    token = next;
    if (page.length > 0) yield page;
  } while (token !== undefined);
}

function* readPage(root: XmlElement, prefix: string): Generator<void, ListedKey[]> {
  if (root.name !== "ListBucketResult") throw wrongPage("did not answer with a list");
  const isEncoded = childText(root, "EncodingType") === "url";
  const page: ListedKey[] = [];
  for (const element of root.children) {
    if (element.name !== "Contents") continue;
    page.push(readEntry(element, prefix, isEncoded));
    yield;
  }
  return page;
}

function readEntry(element: XmlElement, prefix: string, isEncoded: boolean): ListedKey {
  const text = childText(element, "Key") ?? "";
  const key = isEncoded ? decodeKey(text) : text;
  const size = childText(element, "Size") ?? "";
  const modifiedMs = Date.parse(childText(element, "LastModified") ?? "");
  const isUsable = key !== "" && key.startsWith(prefix) && Buffer.byteLength(key) <= LIMITS.s3KeyBytesMax;
  if (!isUsable || !/^\d{1,15}$/.test(size) || Number.isNaN(modifiedMs)) {
    throw wrongPage("listed an entry that is not valid");
  }
  const etag = childText(element, "ETag") ?? "";
  return { key, sizeBytes: Number(size), modifiedMs, ...(isEtag(etag) && { etag }) };
}

/** A space arrives as a plus. */
function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw wrongPage("listed a key that is not text");
  }
}

function nextToken(root: XmlElement): string | undefined {
  if (childText(root, "IsTruncated") !== "true") return undefined;
  const token = childText(root, "NextContinuationToken");
  if (token === undefined || token === "") throw wrongPage("does not continue its list");
  return token;
}

function wrongPage(problem: string): CacheError {
  return new CacheError("STORAGE_IO", `the object store ${problem}`);
}
