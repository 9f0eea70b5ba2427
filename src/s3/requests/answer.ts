/**
 * Reads complete answers of the store: error codes, entity tags, dates, and whether to repeat.
 *
 * Errors never contain text of the store, only its error code, if that is a plain name.
 * Source: "Error Responses" in the Amazon S3 API Reference.
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";
import { atOnce } from "../../turns.ts";
import type { StoreAddress } from "../store-options.ts";
import { childText, parseXml } from "../xml-reader.ts";
import { headerOf } from "./answer-body.ts";
import type { AnswerHead } from "./http-exchange.ts";

export interface Answer extends AnswerHead {
  readonly body: Buffer;
}

const ERROR_CODE = /^[A-Za-z0-9.]{1,100}$/;

/** The code of an error, such as `NoSuchKey`; undefined if the body is not an error of S3. */
export function errorCodeOf({ body }: Answer): string | undefined {
  // A larger document is not an error of S3.
  if (body.length === 0 || body.length > LIMITS.s3ErrorBytesMax) return undefined;
  try {
    const root = atOnce(parseXml(body.toString("utf8")));
    const code = root.name === "Error" ? childText(root, "Code") : undefined;
    return code !== undefined && ERROR_CODE.test(code) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** True if the store itself reports that the object is absent; a 404 of a proxy does not count. */
export function isMissing(answer: Answer): boolean {
  return answer.status === 404 && ["NoSuchKey", "NotFound"].includes(errorCodeOf(answer) ?? "");
}

/** The store's clock; undefined if the answer has no valid Date. */
export function dateMsOf(head: AnswerHead): number | undefined {
  const text = headerOf(head, "date") ?? "";
  if (text !== lastDate.text) lastDate = { text, ms: parseDate(text) };
  return lastDate.ms;
}

/** Most answers of a second carry the same text. */
let lastDate: { readonly text: string; readonly ms: number | undefined } = { text: "", ms: undefined };
const HTTP_DATE = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT$/;

function parseDate(text: string): number | undefined {
  const ms = HTTP_DATE.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** Visible ASCII: it becomes a header of later requests. */
const ETAG = /^[!-~]+$/;

/** The entity tag as the store wrote it. */
export function etagOf(head: AnswerHead): string | undefined {
  const etag = headerOf(head, "etag");
  return etag !== undefined && isEtag(etag) ? etag : undefined;
}

export function isEtag(text: string): boolean {
  return text.length <= LIMITS.s3EtagLengthMax && ETAG.test(text);
}

/** How long the store asks to wait, ms, bounded; undefined if it does not. */
export function retryAfterMs(head: AnswerHead): number | undefined {
  const text = headerOf(head, "retry-after");
  if (text === undefined || !/^\d{1,9}$/.test(text)) return undefined;
  return Math.min(Number(text) * 1000, LIMITS.s3RetryAfterMsMax);
}

/** Codes of 400 after which the same request can succeed: its bytes did not arrive as sent. */
const REPEATABLE_CODES = ["RequestTimeout", "BadDigest", "IncompleteBody", "XAmzContentSHA256Mismatch"];

/** True if the store has applied nothing and the same request may succeed later. */
export function isNotApplied(answer: Answer): boolean {
  const { status } = answer;
  if (status === 400) return REPEATABLE_CODES.includes(errorCodeOf(answer) ?? "");
  return status === 409 || status === 429 || status === 503;
}

/** True if the same request may succeed later, whether it was applied or not. */
export function isPassing(answer: Answer): boolean {
  const isDoubtful = answer.status === 408 || (answer.status >= 500 && answer.status !== 501);
  return isDoubtful || isNotApplied(answer);
}

/** True if the store can be reached. SlowDown is its own word, other 5xx are also those of a proxy. */
export function isFromStore(answer: Answer): boolean {
  return answer.status < 500 || answer.status === 501 || errorCodeOf(answer) === "SlowDown";
}

const CREDENTIAL_CODES = [
  ...["ExpiredToken", "InvalidToken", "TokenRefreshRequired"],
  ...["InvalidAccessKeyId", "SignatureDoesNotMatch"],
];

/** True if other credentials may be accepted. */
export function refusesCredentials(answer: Answer): boolean {
  const isRefusal = answer.status === 400 || answer.status === 401 || answer.status === 403;
  return isRefusal && CREDENTIAL_CODES.includes(errorCodeOf(answer) ?? "");
}

/** The error for an answer that a repetition would not change. */
export function refusal(answer: Answer, address: StoreAddress, action: string): CacheError {
  const code = errorCodeOf(answer);
  const facts = { action, host: address.host, bucket: address.bucket, status: answer.status, code };
  const status = `${answer.status}${code === undefined ? "" : ` ${code}`}`;
  if (code === "NoSuchBucket") {
    const text = `the object store at ${address.host} has no bucket ${address.bucket}`;
    return new CacheError("STORAGE_UNAVAILABLE", text, { facts });
  }
  if ([301, 307].includes(answer.status) || code === "AuthorizationHeaderMalformed") {
    const text = `the bucket ${address.bucket} is not in the region ${address.region} (${status})`;
    return new CacheError("STORAGE_UNAVAILABLE", text, { facts });
  }
  if (answer.status === 401 || answer.status === 403 || refusesCredentials(answer)) {
    const text = `the object store at ${address.host} refuses the credentials for ${action} (${status})`;
    return new CacheError("STORAGE_UNAVAILABLE", text, { facts });
  }
  const text = `the object store at ${address.host} answered ${status} to ${action}`;
  return new CacheError("STORAGE_IO", text, { facts });
}
