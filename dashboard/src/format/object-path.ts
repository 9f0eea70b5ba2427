/**
 * Keys of objects as text, as paths of the API and as parts of the page's address. Pure.
 *
 *     key     app/session/object
 *     path    app/session/object, each component percent-encoded
 */

export interface KeyParts {
  readonly application: string;
  readonly session: string;
  readonly object: string;
}

/** Undefined if it does not have three components. */
export function splitKey(key: string): KeyParts | undefined {
  const [application, session, object, ...more] = key.split("/");
  if (!application || !session || !object || more.length > 0) return undefined;
  return { application, session, object };
}

export function encodePath(key: string): string {
  return key.split("/").map(encodeURIComponent).join("/");
}

/** Undefined if it is not percent-encoded. */
export function decodePath(path: string): string | undefined {
  try {
    return path.split("/").map(decodeURIComponent).join("/");
  } catch {
    return undefined;
  }
}

/** A name for a downloaded file: the object's id without characters that file systems refuse. */
export function fileNameOf(key: string, ending: string): string {
  const name = (splitKey(key)?.object ?? "object").replaceAll(/[^\p{L}\p{N}._-]+/gu, "_").slice(0, 100);
  return name.endsWith(ending) ? name : name + ending;
}
