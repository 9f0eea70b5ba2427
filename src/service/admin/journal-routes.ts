/**
 * `/v1/why/APP/SESSION/OBJECT` and `/v1/admin/top` of the admin listener: the answers of the actions
 * WHY and TOP.
 */
import type { HttpRoute } from "../http/http-call.ts";
import { answerJsonText } from "../http/json-answer.ts";
import { keyOf } from "../http/objects/object-call.ts";
import { answerTop } from "../top-answer.ts";
import { answerWhy } from "../why-answer.ts";

export const JOURNAL_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: "/v1/why/:app/:session/:object",
    access: ["list"],
    handle: async (call) => answerJsonText(call.response, 200, await answerWhy(call.context, keyOf(call))),
  },
  {
    method: "GET",
    path: "/v1/admin/top",
    access: ["admin"],
    handle: async ({ response, context }) => answerJsonText(response, 200, await answerTop(context)),
  },
];
