/**
 * The requests of a multipart upload beside its parts: begin, complete, remove.
 *
 * A repeated completion can find that an earlier one was applied; then the object is there, under a
 * key that only this upload writes.
 * Source: CreateMultipartUpload, CompleteMultipartUpload, AbortMultipartUpload in the Amazon S3 API
 * Reference. A completion can answer 200 and then an error in its body.
 */
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";
import { inTurns } from "../turns.ts";
import { type Answer, errorCodeOf, etagOf, isEtag } from "./requests/answer.ts";
import { contentLength } from "./requests/answer-body.ts";
import type { StoreRequest, StoreRequests } from "./requests/store-requests.ts";
import { childText, escapeXml, parseXml, type XmlElement } from "./xml-reader.ts";

export interface UploadTarget {
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface OpenUpload extends UploadTarget {
  readonly uploadId: string;
}

export interface SentPart {
  readonly number: number;
  readonly etag: string;
  readonly crc32: string;
}

export interface FullUpload extends OpenUpload {
  readonly parts: readonly SentPart[];
  readonly sizeBytes: number;
}

const UPLOAD_ID_LENGTH_MAX = 1024;
/** Completions that answered 200 and then an error. */
const COMPLETIONS_MAX = 3;

/** @returns the id of the upload */
export async function beginUpload(requests: StoreRequests, target: UploadTarget): Promise<string> {
  const request: StoreRequest = {
    method: "POST",
    action: `the upload of ${target.key}`,
    key: target.key,
    query: { uploads: "" },
    headers: { ...target.headers, "x-amz-checksum-algorithm": "CRC32" },
    answerBytesMax: LIMITS.s3ErrorBytesMax,
    signal: target.signal,
  };
  const answer = await requests.repeat(() => request);
  if (answer.status !== 200) throw requests.refusal(answer, request);
  const id = childText(await readRoot(answer), "UploadId") ?? "";
  if (!/^[!-~]+$/.test(id) || id.length > UPLOAD_ID_LENGTH_MAX) {
    throw new CacheError("STORAGE_IO", "the object store began an upload without an id");
  }
  return id;
}

/** @returns the entity tag of the object */
export async function completeUpload(requests: StoreRequests, upload: FullUpload): Promise<string> {
  const request: StoreRequest = {
    method: "POST",
    action: `the upload of ${upload.key}`,
    key: upload.key,
    query: { uploadId: upload.uploadId },
    headers: { "content-type": "application/xml" },
    body: [Buffer.from(formatParts(upload.parts))],
    answerBytesMax: LIMITS.s3ErrorBytesMax,
    answerMs: LIMITS.s3CompleteMs,
    signal: upload.signal,
  };
  for (let completions = 1; ; completions += 1) {
    const answer = await requests.repeat(() => request);
    if (errorCodeOf(answer) === "NoSuchUpload") return findObject(requests, upload);
    if (answer.status !== 200) throw requests.refusal(answer, request);
    const root = await readRoot(answer);
    const etag = childText(root, "ETag") ?? "";
    if (root.name !== "Error" && isEtag(etag)) return etag;
    if (completions === COMPLETIONS_MAX) throw requests.refusal(answer, request);
  }
}

/** Removes the parts. An upload that the store does not know is removed. */
export async function removeUpload(requests: StoreRequests, upload: OpenUpload): Promise<void> {
  const request: StoreRequest = {
    method: "DELETE",
    action: `the removal of an upload of ${upload.key}`,
    key: upload.key,
    query: { uploadId: upload.uploadId },
  };
  const answer = await requests.repeat(() => request);
  if (![200, 204, 404].includes(answer.status)) throw requests.refusal(answer, request);
}

async function findObject(requests: StoreRequests, upload: FullUpload): Promise<string> {
  const { key, signal, sizeBytes } = upload;
  const request: StoreRequest = { method: "HEAD", action: `the upload of ${key}`, key, signal };
  const answer = await requests.repeat(() => request);
  const etag = etagOf(answer);
  if (answer.status === 200 && contentLength(answer) === sizeBytes && etag !== undefined) return etag;
  throw new CacheError("STORAGE_IO", `the object store has lost the upload of ${key}`);
}

function formatParts(parts: readonly SentPart[]): string {
  const elements = parts.map(
    ({ number, etag, crc32 }) =>
      `<Part><PartNumber>${number}</PartNumber><ETag>${escapeXml(etag)}</ETag><ChecksumCRC32>${crc32}</ChecksumCRC32></Part>`,
  );
  const namespace = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"';
  return `<CompleteMultipartUpload ${namespace}>${elements.join("")}</CompleteMultipartUpload>`;
}

function readRoot(answer: Answer): Promise<XmlElement> {
  return inTurns(parseXml(answer.body.toString("utf8")));
}
