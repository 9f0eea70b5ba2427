/**
 * `/v1/why/APP/SESSION/OBJECT` and `/v1/admin/top` of the admin listener: the answers of the actions
 * WHY and TOP.
 */
import type { ServerResponse } from "node:http";
import { parseObjectKey } from "../../object/object-key.ts";
import type { HttpRoute } from "../http/http-call.ts";
import { answerTop } from "../top-answer.ts";
import { answerWhy } from "../why-answer.ts";

export const JOURNAL_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: "/v1/why/:app/:session/:object",
    access: ["list"],
    handle: async ({ response, context, params: { app, session, object } }) =>
      answerJson(response, await answerWhy(context, parseObjectKey(`${app}/${session}/${object}`))),
  },
  {
    method: "GET",
    path: "/v1/admin/top",
    access: ["admin"],
    handle: async ({ response, context }) => answerJson(response, await answerTop(context)),
  },
];

function answerJson(response: ServerResponse, json: string): void {
  response.writeHead(200, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(json);
}
