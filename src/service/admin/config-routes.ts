/**
 * `GET /v1/admin/config`: every setting with its value and its source, as `serve --print-config`.
 *
 * Settings name files with secrets, never secrets. A URL may contain credentials, which are hidden.
 */
import type { EffectiveSetting } from "../../config/format-cache-config.ts";
import type { HttpRoute } from "../http/http-call.ts";
import { answerJson } from "../http/json-answer.ts";

const CREDENTIALS = /(?<=\/\/)[^/@\s]*(?=@)/g;

export const CONFIG_ROUTES: readonly HttpRoute[] = [
  {
    method: "GET",
    path: "/v1/admin/config",
    access: ["admin"],
    handle: ({ response, context }) =>
      answerJson(response, 200, { settings: context.settings.map(answerOf) }),
  },
];

function answerOf({ key, value, source }: EffectiveSetting) {
  return {
    key: `cache.${key}`,
    value: typeof value === "string" ? value.replaceAll(CREDENTIALS, "***") : (value ?? null),
    source: source ?? null,
  };
}
