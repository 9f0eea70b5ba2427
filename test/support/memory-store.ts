/**
 * A small S3 in memory, as a step of a scripted store: objects, conditions, ranges, uploads in parts, lists, removals.
 *
 * Its quirks are those of stores that must not be trusted: conditions that are ignored, refused, or checked some time before
 * the write. Lists come in pages of 100 keys, in no order.
 */
import { createHash } from "node:crypto";
import { setTimeout as wait } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { errorReply, type Reply, reply, type SeenRequest, type Step } from "./scripted-store.ts";

export interface StoreQuirks {
  /** Headers that it does not look at, such as `PUT if-match`. */
  readonly ignores?: readonly string[];
  /** Headers that it answers with 501. */
  readonly refuses?: readonly string[];
  /** Checks a condition, and writes this much later. */
  readonly writesLaterMs?: number;
  /** The same for removals. */
  readonly removesLaterMs?: number;
  readonly lacksRemovalOfMany?: boolean;
  /** Headers that are missing in answers. */
  readonly omits?: readonly string[];
}

interface Kept {
  readonly body: Buffer;
  readonly etag: string;
}

const PAGE_KEYS = 100;

export class MemoryStore {
  readonly objects = new Map<string, Kept>();
  /** Parts of uploads that are neither complete nor removed. */
  readonly uploads = new Map<string, Map<number, Kept>>();
  readonly #quirks: StoreQuirks;
  #uploadCount = 0;

  constructor(quirks: StoreQuirks = {}) {
    this.#quirks = quirks;
  }

  readonly step: Step = (response, request) => {
    void this.#answer(request).then((answer) => answer(response, request));
  };

  async #answer(request: SeenRequest): Promise<Step> {
    const url = new URL(request.path, "http://store");
    const key = decodeURIComponent(url.pathname.replace(/^\/box\/?/, ""));
    const query = url.searchParams;
    if (this.#quirks.refuses?.some((each) => this.#header(request, each) !== undefined))
      return errorReply(501, "NotImplemented");
    if (query.has("list-type")) return this.#list(query);
    if (query.has("delete")) return this.#removeMany(request);
    if (query.has("uploads")) return this.#beginUpload();
    const upload = query.get("uploadId");
    if (upload !== null) return this.#ofUpload(request, upload, Number(query.get("partNumber")), key);
    return request.method === "GET" || request.method === "HEAD"
      ? this.#read(request, key)
      : this.#change(request, key);
  }

  /** `METHOD name` in the quirks names a header of one method. */
  #header(request: SeenRequest, each: string): string | undefined {
    const [method, name = ""] = each.split(" ");
    const value = request.method === method ? request.headers[name] : undefined;
    return typeof value === "string" ? value : undefined;
  }

  #condition(request: SeenRequest, name: string): string | undefined {
    const each = `${request.method} ${name}`;
    return this.#quirks.ignores?.includes(each) ? undefined : this.#header(request, each);
  }

  #read(request: SeenRequest, key: string): Step {
    const kept = this.objects.get(key);
    if (kept === undefined) return errorReply(404, "NoSuchKey");
    const { body, etag } = kept;
    const headers = { etag, "x-amz-checksum-crc32": sumOf(body) };
    if (this.#condition(request, "if-none-match") === etag) return reply(304, { headers: { etag } });
    const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(this.#condition(request, "range") ?? "") ?? [];
    if (first === undefined) return reply(200, { headers, body });
    if (Number(first) >= body.length) return errorReply(416, "InvalidRange");
    const part = body.subarray(Number(first), Number(last) + 1);
    const range = `bytes ${first}-${Number(first) + part.length - 1}/${body.length}`;
    return reply(206, { headers: { etag, "content-range": range }, body: part });
  }

  async #change(request: SeenRequest, key: string): Promise<Step> {
    const isAbsent = !this.objects.has(key);
    const match = this.#condition(request, "if-match");
    const holds = match === undefined || this.objects.get(key)?.etag === match;
    if (!holds) return isAbsent ? errorReply(404, "NoSuchKey") : errorReply(412, "PreconditionFailed");
    if (this.#condition(request, "if-none-match") === "*" && !isAbsent)
      return errorReply(412, "PreconditionFailed");
    const laterMs = request.method === "DELETE" ? this.#quirks.removesLaterMs : this.#quirks.writesLaterMs;
    if (laterMs !== undefined) await wait(laterMs);
    if (request.method === "DELETE") {
      this.objects.delete(key);
      return reply(204);
    }
    const sum = this.#condition(request, "x-amz-checksum-crc32");
    if (sum !== undefined && sum !== sumOf(request.body)) return errorReply(400, "BadDigest");
    const kept = keep(request.body);
    this.objects.set(key, kept);
    return reply(200, this.#withTag(kept));
  }

  #withTag({ etag }: Kept): Reply {
    return this.#quirks.omits?.includes("etag") ? {} : { headers: { etag } };
  }

  #beginUpload(): Step {
    this.#uploadCount += 1;
    this.uploads.set(`${this.#uploadCount}`, new Map());
    return reply(200, { body: `<R><UploadId>${this.#uploadCount}</UploadId></R>` });
  }

  #ofUpload(request: SeenRequest, id: string, part: number, key: string): Step {
    const parts = this.uploads.get(id);
    if (parts === undefined) return errorReply(404, "NoSuchUpload");
    if (request.method === "PUT") {
      const kept = keep(request.body);
      parts.set(part, kept);
      return reply(200, this.#withTag(kept));
    }
    this.uploads.delete(id);
    if (request.method === "DELETE") return reply(204);
    const numbers = [...request.body.toString().matchAll(/<PartNumber>(\d+)/g)].map((match) =>
      Number(match[1]),
    );
    const bodies = numbers.map((number) => parts.get(number)?.body ?? Buffer.alloc(0));
    const kept = keep(Buffer.concat(bodies));
    this.objects.set(key, kept);
    return reply(200, { body: `<R><ETag>${kept.etag.replaceAll('"', "&quot;")}</ETag></R>` });
  }

  #list(query: URLSearchParams): Step {
    const keys = [...this.objects.keys()]
      .filter((key) => key.startsWith(query.get("prefix") ?? ""))
      .toReversed();
    const start = Number(query.get("continuation-token") ?? 0);
    const page = keys.slice(start, start + PAGE_KEYS).map((key) => {
      const size = this.objects.get(key)?.body.length;
      return `<Contents><Key>${encodeURIComponent(key)}</Key><Size>${size}</Size><LastModified>2026-11-29T12:00:00.000Z</LastModified></Contents>`;
    });
    const next = start + PAGE_KEYS;
    const more = next < keys.length ? `<NextContinuationToken>${next}</NextContinuationToken>` : "";
    const body = `<ListBucketResult><EncodingType>url</EncodingType><IsTruncated>${more !== ""}</IsTruncated>${more}${page.join("")}</ListBucketResult>`;
    return reply(200, { body });
  }

  #removeMany(request: SeenRequest): Step {
    if (this.#quirks.lacksRemovalOfMany) return errorReply(501, "NotImplemented");
    for (const [, key = ""] of request.body.toString().matchAll(/<Key>([^<]*)<\/Key>/g))
      this.objects.delete(key);
    return reply(200, { body: "<DeleteResult></DeleteResult>" });
  }
}

function keep(body: Buffer): Kept {
  return { body, etag: `"${createHash("md5").update(body).digest("hex")}"` };
}

function sumOf(body: Buffer): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString("base64");
}
