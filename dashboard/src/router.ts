/**
 * The view that the address selects. It is in the fragment, so the server has one page and keys never
 * reach its log.
 *
 *     #/                              overview
 *     #/objects/APP/SESSION           the tree and the treemap, opened there
 *     #/object/APP/SESSION/OBJECT     one object
 *     #/why/APP/SESSION/OBJECT        what happened to a key
 *     #/config   #/log
 */
import { Store } from "./api/store.ts";
import { decodePath, encodePath } from "./format/object-path.ts";

export type ViewName = "overview" | "objects" | "object" | "why" | "config" | "log";

export interface Place {
  readonly view: ViewName;
  /** A key or the beginning of one; empty: none. */
  readonly key: string;
}

const VIEWS: readonly string[] = ["objects", "object", "why", "config", "log"];

export function parseAddress(fragment: string): Place {
  const [, view = "", ...path] = fragment.replace(/^#/, "").split("/");
  if (!VIEWS.includes(view)) return { view: "overview", key: "" };
  return { view: view as ViewName, key: decodePath(path.join("/")) ?? "" };
}

export function addressOf(view: ViewName, key = ""): string {
  if (view === "overview") return "#/";
  return key === "" ? `#/${view}` : `#/${view}/${encodePath(key)}`;
}

export const place = new Store<Place>({ view: "overview", key: "" });

export function goTo(view: ViewName, key = ""): void {
  location.hash = addressOf(view, key);
}

/** Follows the address from now on. */
export function startRouter(): void {
  const read = () => place.set(parseAddress(location.hash));
  addEventListener("hashchange", read);
  read();
}
