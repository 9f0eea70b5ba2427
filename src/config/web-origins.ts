/**
 * Parses the origins of web pages that may use the HTTP API: a list separated by commas, `*` for
 * every origin, or `none`.
 *
 * An origin is compared as browsers send it: scheme, host and port, without a path.
 */
import { textSchema } from "./text-schema.ts";

const ANY = "*";

/** Empty for `none`. */
export const originsSchema = textSchema((text, refuse): readonly string[] => {
  if (text.toLowerCase() === "none") return [];
  const origins = text.split(",").map((each) => each.trim());
  const isOrigin = (origin: string): boolean => origin === ANY || originOf(origin) === origin;
  if (origins.every(isOrigin)) return origins;
  return refuse("must be none, * or origins such as https://app.example, separated by commas");
});

function originOf(text: string): string | undefined {
  try {
    return new URL(text).origin;
  } catch {
    return undefined;
  }
}
