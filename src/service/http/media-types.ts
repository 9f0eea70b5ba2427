/**
 * Media types: parses `Accept` and `Content-Type`. Pure.
 *
 * Source: RFC 9110, "Content Negotiation". Parameters other than `q` are ignored in `Accept`.
 */
import { CacheError } from "../../errors.ts";

export const ARROW_STREAM = "application/vnd.apache.arrow.stream";
export const ARROW_FILE = "application/vnd.apache.arrow.file";
export const OCTETS = "application/octet-stream";
export const JSON_TYPE = "application/json";

/** How much a client wants a media type: 0, not at all, to 1. */
export type Preference = (mediaType: string) => number;

const TOKEN = "[!#$%&'*+.^_`|~0-9a-z-]+";
const MEDIA_TYPE = new RegExp(`^(${TOKEN}/${TOKEN})\\s*(?:;(.*))?$`);
const CHARSET = /(?:^|;)\s*charset\s*=\s*"?([^";\s]+)"?/;
const QUALITY = /;\s*q\s*=\s*([01](?:\.\d{0,3})?)/;

/** No header accepts everything. The most specific entry that matches a type counts. */
export function parseAccept(header: string | undefined): Preference {
  if (header === undefined || header.trim() === "") return () => 1;
  const wanted = new Map<string, number>();
  for (const entry of header.toLowerCase().split(",")) {
    const range = entry.split(";", 1)[0]!.trim();
    const quality = Number(QUALITY.exec(entry)?.[1] ?? 1);
    wanted.set(range, Math.max(wanted.get(range) ?? 0, Math.min(quality, 1)));
  }
  return (mediaType) => {
    const group = `${mediaType.slice(0, mediaType.indexOf("/"))}/*`;
    return wanted.get(mediaType) ?? wanted.get(group) ?? wanted.get("*/*") ?? 0;
  };
}

/** What the body of a request is. */
export type BodyForm = "stream" | "file" | "json" | "text" | "bytes";

/** @throws {CacheError} UNSUPPORTED_MEDIA_TYPE */
export function parseBodyForm(
  contentType: string | undefined,
  contentEncoding: string | undefined,
): BodyForm {
  if (contentEncoding !== undefined && contentEncoding.trim().toLowerCase() !== "identity") {
    throw unsupported("a body with a content encoding cannot be stored: send it as it is");
  }
  if (contentType === undefined) return "bytes";
  const [, mediaType = "", parameters = ""] = MEDIA_TYPE.exec(contentType.trim().toLowerCase()) ?? [];
  const form = formOf(mediaType);
  if (form === undefined) {
    throw unsupported(
      `the body must be ${ARROW_STREAM}, ${ARROW_FILE}, ${OCTETS}, ${JSON_TYPE} or text; for curl, add -H 'content-type: ${OCTETS}'`,
    );
  }
  const charset = CHARSET.exec(parameters)?.[1] ?? "utf-8";
  const isText = form === "json" || form === "text";
  if (isText && !["utf-8", "utf8", "us-ascii"].includes(charset)) throw unsupported("text must be UTF-8");
  return form;
}

function formOf(mediaType: string): BodyForm | undefined {
  switch (mediaType) {
    case ARROW_STREAM:
      return "stream";
    case ARROW_FILE:
      return "file";
    case JSON_TYPE:
      return "json";
    case OCTETS:
      return "bytes";
    default:
      return mediaType.startsWith("text/") ? "text" : undefined;
  }
}

function unsupported(text: string): CacheError {
  return new CacheError("UNSUPPORTED_MEDIA_TYPE", text);
}
