/**
 * GET of the list: the objects whose keys begin with a text, in the order of their keys, one page of
 * at most `limit` objects (docs/http-api.md, "List").
 *
 * The page is sent while it is looked up, at the pace of the client. `next` is the key to continue
 * after; the list stays correct if objects come and go between pages.
 * Cost: cache/sorted-list.ts.
 */

import type { IndexEntry } from "../../../cache/index-entry.ts";
import type { KeyRange } from "../../../cache/sorted-list.ts";
import { CacheError } from "../../../errors.ts";
import { LIMITS } from "../../../limits.ts";
import { parseObjectKey } from "../../../object/object-key.ts";
import { parseKeyPrefix } from "../../key-pattern.ts";
import type { ServiceContext } from "../../service-context.ts";
import { BodyWriter } from "../body-writer.ts";
import type { HttpCall } from "../http-call.ts";
import { JSON_TYPE } from "../media-types.ts";
import type { Transfer } from "../transfers.ts";
import { queryParameter, refuseOtherParameters } from "./object-call.ts";

const LIMIT = /^\d{1,9}$/;

export async function listObjects(call: HttpCall, transfer: Transfer): Promise<void> {
  const { context, request, response } = call;
  refuseOtherParameters(call, ["prefix", "after", "limit"]);
  const pages = context.cache.listSorted(rangeOf(call));
  const page = new ListedPage(context, limitOf(call));
  try {
    // The first step finds out whether the caller may list.
    let next = await untilAborted(pages.next(), transfer.signal);
    response.writeHead(200, { "content-type": JSON_TYPE, "cache-control": "no-store" });
    if (request.method === "HEAD") return void response.end();
    const writer = new BodyWriter(response, transfer);
    await writer.send(Buffer.from('{"objects":['));
    for (; next.done !== true && !page.isFull; next = await pages.next()) {
      await writer.send(page.format(next.value));
      if (page.isFull) break;
    }
    await writer.send(Buffer.from(`],"next":${JSON.stringify(page.next ?? null)}}\n`));
    await writer.end();
  } finally {
    // Not awaited: a step that waits for the scan of the start cannot be interrupted.
    pages.return().catch(() => {});
  }
}

/** @throws {CacheError} INVALID_KEY */
function rangeOf(call: HttpCall): KeyRange {
  const after = queryParameter(call, "after");
  return {
    ...parseKeyPrefix(queryParameter(call, "prefix") ?? ""),
    after: after === undefined || after === "" ? undefined : parseObjectKey(after),
  };
}

function limitOf(call: HttpCall): number {
  const text = queryParameter(call, "limit");
  if (text === undefined) return LIMITS.httpListObjectsDefault;
  const limit = LIMIT.test(text) ? Number(text) : 0;
  if (limit >= 1 && limit <= LIMITS.httpListObjectsMax) return limit;
  throw new CacheError("INVALID_REQUEST", `limit must be from 1 to ${LIMITS.httpListObjectsMax}`);
}

/** Formats objects until the page is full, and one more was seen. */
class ListedPage {
  readonly #context: ServiceContext;
  readonly #limit: number;
  #count = 0;
  #lastKey: string | undefined;
  #hasMore = false;

  constructor(context: ServiceContext, limit: number) {
    this.#context = context;
    this.#limit = limit;
  }

  get isFull(): boolean {
    return this.#hasMore;
  }

  /** The key to continue after; undefined if this was the last page. */
  get next(): string | undefined {
    return this.#hasMore ? this.#lastKey : undefined;
  }

  format(entries: readonly IndexEntry[]): Buffer {
    const taken = entries.slice(0, this.#limit - this.#count);
    this.#hasMore = taken.length < entries.length;
    const separator = this.#count > 0 && taken.length > 0 ? "," : "";
    this.#count += taken.length;
    this.#lastKey = taken.at(-1)?.evictionKey ?? this.#lastKey;
    return Buffer.from(separator + taken.map((entry) => JSON.stringify(this.#facts(entry))).join(","));
  }

  #facts(entry: IndexEntry) {
    const { retaining } = this.#context.cache;
    const untilMs = retaining.lifetimeOf(entry)?.untilMs;
    const isEnding = untilMs !== undefined && Number.isFinite(untilMs);
    return {
      key: entry.evictionKey,
      version: entry.version,
      kind: entry.kind,
      rows: entry.rowCount,
      data_bytes: entry.dataBytes,
      stored_bytes: entry.storedBytes,
      patches: entry.patchCount,
      expires_at: isEnding ? new Date(untilMs).toISOString() : null,
      pinned: retaining.isPinned(entry),
    };
  }
}

/** The list waits for the scan of the start; the client may leave before. */
async function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  let onAbort = (): void => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort);
    if (signal.aborted) onAbort();
  });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    aborted.catch(() => {});
  }
}
