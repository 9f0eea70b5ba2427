/**
 * GET and HEAD of an object: chooses its form, answers conditions and ranges, and sends it at the
 * pace of the client (docs/http-api.md, "Get").
 *
 * A range is read at its position, so it is not compared with the checksum of the object; an object
 * of an earlier process was compared once before. Everything else is compared as over Flight.
 */
import type { ServerResponse } from "node:http";
import type { IndexEntry } from "../../../cache/index-entry.ts";
import type { OpenedObject } from "../../../cache/object-reading.ts";
import { CacheError, isCacheError } from "../../../errors.ts";
import type { OpenPurpose } from "../../../storage/object-storage.ts";
import { AT_LEAST_HEADER, atLeastVersion } from "../../at-least-version.ts";
import type { ServiceContext } from "../../service-context.ts";
import { BodyWriter } from "../body-writer.ts";
import { type ByteSpan, parseRange } from "../byte-span.ts";
import { type Conditions, type EntityTags, isHeld, mayRead, parseConditions } from "../entity-tags.ts";
import type { HttpCall } from "../http-call.ts";
import type { Transfer } from "../transfers.ts";
import { type BodyRequest, isPatched, type ObjectBody } from "./object-body.ts";
import { entityTagsOf, headerText, keyOf, queryParameter, refuseOtherParameters } from "./object-call.ts";
import {
  type ChooseForm,
  DEFAULT_FORM,
  type FormChoice,
  formChooser,
  notAcceptable,
} from "./object-forms.ts";
import { rowBody } from "./row-body.ts";
import { fileBody, tableBody } from "./table-body.ts";
import { valueBody } from "./value-body.ts";

const ROWS = /^\d{1,15}$/;

interface GetTerms {
  readonly isHead: boolean;
  readonly choose: ChooseForm;
  readonly conditions: Conditions;
  readonly tags: EntityTags;
  readonly range: string | undefined;
  readonly ifRange: string | undefined;
  readonly rowsMin: number | undefined;
}

/** What is decided under the lock of the key, before the object is opened. */
interface Decision {
  readonly choice: FormChoice;
  readonly etag: string;
  readonly isHeld: boolean;
}

export async function getObject(call: HttpCall, transfer: Transfer): Promise<void> {
  const { context, response } = call;
  const terms = getTerms(call);
  let decision: Decision | undefined;
  const needsBase = (entry: IndexEntry): boolean => {
    decision = decide(entry, terms);
    return !decision.isHeld;
  };
  const opened = await context.cache.open(keyOf(call), needsBase, {
    purpose: purposeOf(terms),
    atLeastVersion: atLeastVersion(headerText(call.request, AT_LEAST_HEADER)),
  });
  const { reading, base } = opened;
  reading.isTakenBy(transfer);
  let isSent = false;
  try {
    const headers = await objectHeaders(call, opened, decision!.etag);
    if (base === undefined) {
      response.writeHead(304, headers).end();
    } else {
      const { choice, etag } = decision!;
      const request = { context, transfer, opened: { reading, base }, choice, rowsMin: terms.rowsMin };
      await answer({ response, terms, headers, etag }, request);
    }
    isSent = true;
  } catch (error) {
    if (isCacheError(error, "OBJECT_CORRUPT")) context.cache.reportDamage(reading, error);
    throw error;
  } finally {
    reading.close(isSent);
  }
}

/** @throws {CacheError} INVALID_REQUEST */
function getTerms(call: HttpCall): GetTerms {
  const { request, context } = call;
  refuseOtherParameters(call, ["format", "rows"]);
  const rows = queryParameter(call, "rows");
  if (rows !== undefined && !ROWS.test(rows)) {
    throw new CacheError("INVALID_REQUEST", "rows must be a whole number of at least 0");
  }
  return {
    isHead: request.method === "HEAD",
    choose: formChooser(queryParameter(call, "format") ?? null, request.headers.accept),
    conditions: parseConditions(request.headers),
    tags: entityTagsOf(context),
    range: request.method === "HEAD" ? undefined : request.headers.range,
    ifRange: request.headers["if-range"] as string | undefined,
    rowsMin: rows === undefined ? undefined : Number(rows),
  };
}

/** A read of everything in order goes through the memory tier and is compared on its way. */
function purposeOf({ isHead, range, choose }: GetTerms): OpenPurpose {
  const mayBeFile = choose("table")?.form === "file" || choose("opaque")?.form === "file";
  return isHead || range !== undefined || mayBeFile ? "look" : "send";
}

/** @throws {CacheError} NOT_ACCEPTABLE, PRECONDITION_FAILED, INVALID_REQUEST */
function decide({ kind, version }: IndexEntry, terms: GetTerms): Decision {
  const { choose, tags, conditions, rowsMin } = terms;
  if (!mayRead(conditions, tags, version)) {
    throw new CacheError("PRECONDITION_FAILED", `if-match: the object has version ${version}`);
  }
  const choice = choose(kind);
  if (choice === undefined) throw notAcceptable(kind);
  if (rowsMin !== undefined && kind !== "table") {
    throw new CacheError("INVALID_REQUEST", "rows is for tables; the object is an opaque value");
  }
  const etag = tags.format(version, choice.form === DEFAULT_FORM[kind] ? undefined : choice.form);
  return { choice, etag, isHeld: isHeld(conditions, etag) };
}

type Headers = Record<string, string | number>;

/** Caches must ask before each use, because an object can be replaced at any time. */
async function objectHeaders({ context }: HttpCall, opened: OpenedObject, etag: string): Promise<Headers> {
  const { reading, base } = opened;
  const { entry } = reading;
  const headers: Headers = {
    etag,
    vary: "accept, origin",
    "cache-control": "private, no-cache",
    "x-flame-kind": reading.kind,
    "x-flame-version": reading.version,
    "x-flame-patches": reading.version - reading.baseVersion,
  };
  if (reading.kind === "table") headers["x-flame-rows"] = entry.rowCount;
  const modifiedMs = base === undefined ? undefined : await modifiedAt(context, opened);
  if (modifiedMs !== undefined) headers["last-modified"] = new Date(modifiedMs).toUTCString();
  const untilMs = context.cache.retaining.lifetimeOf(entry)?.untilMs;
  if (untilMs !== undefined && Number.isFinite(untilMs)) headers.expires = new Date(untilMs).toUTCString();
  return headers;
}

/** When the object was put or patched last, ms since 1970. */
async function modifiedAt({ cache }: ServiceContext, opened: OpenedObject): Promise<number | undefined> {
  const { reading } = opened;
  const known = isPatched(opened) ? undefined : reading.baseModifiedMs;
  return known ?? (await cache.schemas.readFacts(reading.entry)).modifiedMs;
}

interface Answering {
  readonly response: ServerResponse;
  readonly terms: GetTerms;
  readonly headers: Headers;
  readonly etag: string;
}

async function answer({ response, terms, headers, etag }: Answering, request: BodyRequest): Promise<void> {
  const body = await bodyOf(request);
  headers["content-type"] = body.mediaType;
  headers["accept-ranges"] = body.sizeBytes === undefined ? "none" : "bytes";
  const span = spanOf(body, terms, etag);
  if (span === "outside") {
    response.setHeader("content-range", `bytes */${body.sizeBytes}`);
    throw new CacheError("RANGE_NOT_SATISFIABLE", `the object has ${body.sizeBytes} bytes in this form`);
  }
  const sizeBytes = span === undefined ? body.sizeBytes : span.to - span.from;
  if (sizeBytes !== undefined) headers["content-length"] = sizeBytes;
  if (span !== undefined) headers["content-range"] = `bytes ${span.from}-${span.to - 1}/${body.sizeBytes}`;
  response.writeHead(span === undefined ? 200 : 206, headers);
  if (terms.isHead) {
    response.end();
    return;
  }
  const writer = new BodyWriter(response, request.transfer, span);
  await body.send(writer);
  await writer.end();
}

/** A range counts only if the client's earlier part is of the same form and version. */
function spanOf(
  { sizeBytes }: ObjectBody,
  { range, ifRange }: GetTerms,
  etag: string,
): ByteSpan | "outside" | undefined {
  if (sizeBytes === undefined || (ifRange !== undefined && ifRange !== etag)) return undefined;
  return parseRange(range, sizeBytes);
}

async function bodyOf(request: BodyRequest): Promise<ObjectBody> {
  const { opened, choice } = request;
  if (opened.base.kind === "table") return await tableBody(request);
  if (choice.form === "value") return await valueBody(request);
  if (choice.form === "file" && !isPatched(opened)) return fileBody(opened.base);
  if (choice.form === "file")
    throw new CacheError("NOT_ACCEPTABLE", "an opaque value with patches is not one file");
  return rowBody(request);
}
