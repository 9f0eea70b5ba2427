/**
 * A call over HTTP, and the route that handles it.
 *
 * The counterpart of a ServerCall and its method row: the HTTP server finds the route, identifies
 * the caller, and passes the handler the context of this caller.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { AccessVerb } from "../../access/access-policy.ts";
import type { ServiceContext } from "../service-context.ts";

export type HttpMethod = "GET" | "PUT" | "PATCH" | "DELETE" | "POST";

export interface HttpRoute {
  /** A route of GET also answers HEAD: the server sends no body. */
  readonly method: HttpMethod;
  /** Components that begin with a colon are parameters: `/v1/objects/:app/:session/:object`. */
  readonly path: string;
  /**
   * The verbs that its calls need. With `admin` the server itself checks it; the other verbs are
   * checked for the object that the call names. `public`: the caller is not identified.
   */
  readonly access: readonly AccessVerb[] | "public";
  /** True for an answer without an end, of a route for `admin`: its caller is identified again and again. */
  readonly isEndless?: boolean;
  handle(call: HttpCall): Promise<void> | void;
}

export interface HttpCall {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly url: URL;
  /** The parameters of the path, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The context of the caller. */
  readonly context: ServiceContext;
  /** Aborted when the peer disconnects or the server stops. */
  readonly signal: AbortSignal;
}
