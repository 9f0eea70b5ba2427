/**
 * DELETE of one object, or of all objects of a session.
 *
 * One object: 204, or 404 if there is none. A session: 200 with the number of deleted objects, also
 * if it is 0.
 */
import { CacheError } from "../../../errors.ts";
import { checkWrite, parseConditions } from "../entity-tags.ts";
import type { HttpCall } from "../http-call.ts";
import { answerJson } from "../json-answer.ts";
import {
  actorOf,
  durabilityOf,
  entityTagsOf,
  keyOf,
  prefixOf,
  refuseOtherParameters,
} from "./object-call.ts";

export async function deleteObject(call: HttpCall): Promise<void> {
  const { context, request, response } = call;
  refuseOtherParameters(call, []);
  const conditions = parseConditions(request.headers);
  const tags = entityTagsOf(context);
  const key = keyOf(call);
  const deleted = await context.cache.delete({ scope: "object", key }, durabilityOf(call), {
    precondition: (present) => checkWrite(conditions, tags, present?.version),
    actor: actorOf(call),
  });
  if (deleted === 0) throw new CacheError("OBJECT_NOT_FOUND");
  response.writeHead(204).end();
}

export async function deleteSession(call: HttpCall): Promise<void> {
  refuseOtherParameters(call, []);
  const pattern = { scope: "session", ...prefixOf(call) } as const;
  const deleted = await call.context.cache.delete(pattern, durabilityOf(call), { actor: actorOf(call) });
  answerJson(call.response, 200, { deleted });
}
