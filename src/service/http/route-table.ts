/**
 * Finds the route of a request by its method and path. Pure.
 *
 * Components are compared after percent-decoding, so that a slash inside a component stays in it.
 * Cost: the number of routes times the number of components; there are a few dozen routes.
 */
import { CacheError } from "../../errors.ts";
import type { HttpRoute } from "./http-call.ts";

export interface FoundRoute {
  readonly route: HttpRoute;
  readonly params: Readonly<Record<string, string>>;
}

/** No route has this path, or only routes of other methods. */
export interface NoRoute {
  readonly route: undefined;
  /** For the header `allow`; empty if no route has the path. */
  readonly allowed: readonly string[];
}

export class RouteTable {
  readonly #routes: readonly { readonly route: HttpRoute; readonly components: readonly string[] }[];

  constructor(routes: readonly HttpRoute[]) {
    this.#routes = routes.map((route) => ({ route, components: route.path.split("/") }));
  }

  /** @throws {CacheError} INVALID_REQUEST if the path is not percent-encoded UTF-8. */
  find(method: string, path: string): FoundRoute | NoRoute {
    const wanted = method === "HEAD" ? "GET" : method;
    const names = path.split("/").map(decodeComponent);
    const allowed: string[] = [];
    for (const { route, components } of this.#routes) {
      const params = match(components, names);
      if (params === undefined) continue;
      if (route.method === wanted) return { route, params };
      allowed.push(route.method);
      if (route.method === "GET") allowed.push("HEAD");
    }
    return { route: undefined, allowed };
  }
}

function match(components: readonly string[], names: readonly string[]): Record<string, string> | undefined {
  if (components.length !== names.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, component] of components.entries()) {
    const name = names[index]!;
    if (component.startsWith(":")) params[component.slice(1)] = name;
    else if (component !== name) return undefined;
  }
  return params;
}

function decodeComponent(component: string): string {
  try {
    return decodeURIComponent(component);
  } catch {
    throw new CacheError("INVALID_REQUEST", "the path is not percent-encoded UTF-8");
  }
}
