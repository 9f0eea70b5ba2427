/**
 * PUT, POST and PATCH of an object: the body becomes a table or an opaque value, by its media type
 * (docs/http-api.md, "Put").
 *
 * Tables are checked as over Flight. Conditions are checked before the body is read, and again under
 * the lock of the key, where the version is assigned: of two writes with the same condition, one
 * succeeds. A request that fails or is aborted leaves nothing behind.
 */
import type { CommitOptions, Draft } from "../../../cache/put-draft.ts";
import { formatObjectKey, type ObjectKey } from "../../../object/object-key.ts";
import { IncomingPut, type PutTarget } from "../../incoming-put.ts";
import type { ServiceContext } from "../../service-context.ts";
import { parseTtl, TTL_HEADER } from "../../time-to-live.ts";
import { BodyReader } from "../body-reader.ts";
import { type Conditions, checkWrite, parseConditions } from "../entity-tags.ts";
import type { HttpCall } from "../http-call.ts";
import { receiveIpc } from "../ipc-upload.ts";
import { answerJson } from "../json-answer.ts";
import { type BodyForm, parseBodyForm } from "../media-types.ts";
import type { Transfer } from "../transfers.ts";
import {
  actorOf,
  durabilityOf,
  entityTagsOf,
  headerText,
  keyOf,
  objectPath,
  prefixOf,
  queryParameter,
  refuseOtherParameters,
} from "./object-call.ts";
import { receiveValue } from "./value-upload.ts";

interface PutTerms extends CommitOptions {
  readonly form: BodyForm;
  readonly ttlMs: number | undefined;
  readonly conditions: Conditions;
}

interface Stored {
  readonly key: ObjectKey;
  readonly version: number;
}

export async function putObject(call: HttpCall, transfer: Transfer): Promise<void> {
  await store(call, transfer, { kind: "object", key: keyOf(call) });
}

/** The server makes the object id. */
export async function createObject(call: HttpCall, transfer: Transfer): Promise<void> {
  await store(call, transfer, { kind: "session", prefix: prefixOf(call) });
}

export async function patchObject(call: HttpCall, transfer: Transfer): Promise<void> {
  await store(call, transfer, { kind: "patch", key: keyOf(call) });
}

async function store(call: HttpCall, transfer: Transfer, target: PutTarget): Promise<void> {
  const { context, response } = call;
  let isNew = target.kind === "session";
  const terms = putTerms(call, transfer, (version) => {
    isNew = version === undefined;
  });
  await refuseEarly(context, target, terms);
  const { key, version } =
    terms.form === "stream" || terms.form === "file"
      ? await storeArrow(call, transfer, { target, terms, form: terms.form })
      : await storeValue(call, transfer, { target, terms, form: terms.form });
  response.setHeader("etag", entityTagsOf(context).format(version));
  if (isNew) response.setHeader("location", objectPath(key));
  const { endpoint } = context;
  answerJson(response, isNew ? 201 : 200, { key: formatObjectKey(key), version, endpoint });
}

/**
 * @param found called under the lock with the version that is replaced or patched.
 * @throws {CacheError} UNSUPPORTED_MEDIA_TYPE, INVALID_REQUEST, NOT_IMPLEMENTED
 */
function putTerms(
  call: HttpCall,
  transfer: Transfer,
  found: (version: number | undefined) => void,
): PutTerms {
  const { request, context } = call;
  const { headers } = request;
  refuseOtherParameters(call, ["ttl"]);
  const tags = entityTagsOf(context);
  const conditions = parseConditions(headers);
  const ttl = queryParameter(call, "ttl");
  return {
    form: parseBodyForm(headers["content-type"], headers["content-encoding"]),
    ttlMs: ttl === undefined ? parseTtl(headerText(request, TTL_HEADER)) : parseTtl(ttl, "ttl"),
    durability: durabilityOf(call),
    conditions,
    throwIfOver: () => transfer.signal.throwIfAborted(),
    precondition(present) {
      checkWrite(conditions, tags, present?.version);
      found(present?.version);
    },
  };
}

/** Before the body is read: what the commit would refuse. */
async function refuseEarly(context: ServiceContext, target: PutTarget, { conditions }: PutTerms) {
  const { ifMatch, ifNoneMatch } = conditions;
  if (ifMatch === undefined && ifNoneMatch === undefined) return;
  const entry = target.kind === "session" ? undefined : await context.cache.find(target.key);
  checkWrite(conditions, entityTagsOf(context), entry?.version);
}

interface Storing<Form> {
  readonly target: PutTarget;
  readonly terms: PutTerms;
  readonly form: Form;
}

async function storeArrow(
  call: HttpCall,
  transfer: Transfer,
  { target, terms, form }: Storing<"stream" | "file">,
): Promise<Stored> {
  const { context, request, response } = call;
  const put = new IncomingPut(context.cache, {
    ttlMs: terms.ttlMs,
    actor: actorOf(call),
    validation: context.validation,
    abandon: (reason) => transfer.abandon(reason),
    footerMemory: context.footerMemory,
  });
  put.target = target;
  try {
    const reader = new BodyReader(request, response, transfer);
    await receiveIpc({ form, reader, transfer, put });
    return await put.commit(terms);
  } finally {
    await put.discard();
  }
}

async function storeValue(
  call: HttpCall,
  transfer: Transfer,
  { target, terms, form }: Storing<Exclude<BodyForm, "stream" | "file">>,
): Promise<Stored> {
  const { context, request, response } = call;
  const draft = await draftValue(context, target, terms.ttlMs);
  draft.actor = actorOf(call);
  draft.onAbandon((reason) => transfer.abandon(reason));
  try {
    const reader = new BodyReader(request, response, transfer);
    const version = await receiveValue(
      draft,
      { form, reader, sizeBytes: announcedBytes(request.headers) },
      terms,
    );
    return { key: draft.key, version };
  } finally {
    await draft.discard();
  }
}

async function draftValue(
  { cache }: ServiceContext,
  target: PutTarget,
  ttlMs: number | undefined,
): Promise<Draft> {
  if (target.kind === "object") return cache.draftPut(target.key, "opaque", { ttlMs });
  if (target.kind === "session") return cache.draftCreate(target.prefix, "opaque", { ttlMs });
  return await cache.draftPatch(target.key, "opaque", () => {}, ttlMs);
}

function announcedBytes(headers: HttpCall["request"]["headers"]): number | undefined {
  const text = headers["content-length"];
  return text === undefined ? undefined : Number(text);
}
