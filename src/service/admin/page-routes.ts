/**
 * Serves the dashboard: `/`, `/favicon.svg` and `/assets/FILE`. Public: the page holds no data, and
 * asks for a token when an answer of the API requires one.
 *
 * Names in `assets` contain a hash of the content, so browsers keep these files. The page itself is
 * revalidated by its ETag. Its policy lets the page load and call only this listener, without inline
 * code.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { CacheError } from "../../errors.ts";
import type { HttpRoute } from "../http/http-call.ts";
import { type ContentCoding, PAGE_DIRECTORY, type PageFile, readPageFiles } from "./page-files.ts";

const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types dashboard",
].join("; ");

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
};

const MISSING = "The dashboard is not part of this build of the server. `npm run build` makes it.\n";

/** @param directory of the built dashboard */
export function pageRoutes(directory = PAGE_DIRECTORY): readonly HttpRoute[] {
  let reading: Promise<ReadonlyMap<string, PageFile>> | undefined;
  const route = (path: string, nameOf: (file: string) => string, isKept: boolean): HttpRoute => ({
    method: "GET",
    path,
    access: "public",
    handle: async ({ request, response, params }) => {
      reading ??= readPageFiles(directory);
      const files = await reading;
      const name = nameOf(params.file ?? "");
      const file = files.get(name);
      if (file !== undefined) return sendFile(file, name, { request, response, isKept });
      if (files.size === 0) return sendMissing(response);
      throw new CacheError("OBJECT_NOT_FOUND", "the dashboard has no such file");
    },
  });
  return [
    route("/", () => "index.html", false),
    route("/favicon.svg", () => "favicon.svg", false),
    route("/assets/:file", (file) => `assets/${file}`, true),
  ];
}

interface Sending {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** True if the name changes with the content. */
  readonly isKept: boolean;
}

function sendFile(file: PageFile, name: string, { request, response, isKept }: Sending): void {
  response.setHeader("content-security-policy", POLICY);
  response.setHeader("cache-control", isKept ? "public, max-age=31536000, immutable" : "no-cache");
  response.setHeader("etag", file.etag);
  response.setHeader("vary", "accept-encoding");
  if (request.headers["if-none-match"]?.includes(file.etag) === true) {
    response.statusCode = 304;
    response.end();
    return;
  }
  const coding = acceptedCoding(request.headers["accept-encoding"], file);
  const body = (coding && file.codings.get(coding)) ?? file.bytes;
  if (coding !== undefined) response.setHeader("content-encoding", coding);
  response.setHeader("content-type", CONTENT_TYPES[name.split(".").at(-1)!] ?? "application/octet-stream");
  response.setHeader("content-length", body.length);
  response.end(body);
}

/** The best coding that the file has and the client names without `q=0`. */
function acceptedCoding(accepted: string | undefined, { codings }: PageFile): ContentCoding | undefined {
  const names = (accepted ?? "")
    .split(",")
    .filter((each) => !/;\s*q=0(\.0*)?\s*$/.test(each))
    .map((each) => each.split(";", 1)[0]!.trim().toLowerCase());
  return [...codings.keys()].find((coding) => names.includes(coding));
}

function sendMissing(response: ServerResponse): void {
  response.writeHead(404, { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" });
  response.end(MISSING);
}
