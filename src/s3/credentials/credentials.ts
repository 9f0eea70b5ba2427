/**
 * Keys that sign requests, and where they come from.
 *
 * A source is asked again when its keys expire or the store refuses them (fresh-credentials.ts).
 */
import { CacheError } from "../../errors.ts";
import { LIMITS } from "../../limits.ts";

export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  /** When the store stops accepting them; absent if that is not known. */
  readonly expiresMs?: number;
}

export interface CredentialSource {
  /** Where the keys come from, for logs and errors. */
  readonly name: string;
  /** @throws if there are no usable keys */
  load(): Promise<Credentials>;
}

/** Keys that the configuration contains. */
export function staticCredentials(credentials: Credentials): CredentialSource {
  const checked = checkCredentials(credentials, "the configuration");
  return { name: "the configuration", load: async () => checked };
}

/** Printable ASCII without spaces: it becomes part of a header. */
const PRINTABLE = /^[!-~]+$/;

/** @throws {CacheError} INVALID_CONFIG without the secret */
export function checkCredentials(found: Credentials, place: string): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken = "x" } = found;
  for (const [name, value] of Object.entries({ accessKeyId, secretAccessKey, sessionToken })) {
    const isUsable = typeof value === "string" && value.length <= LIMITS.s3CredentialLengthMax;
    if (!isUsable || !PRINTABLE.test(value)) {
      throw new CacheError("INVALID_CONFIG", `the ${name} of ${place} is empty or not printable text`);
    }
  }
  return found;
}
