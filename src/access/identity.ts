/**
 * The caller of a call: its name and what it may do. Credentials are checked elsewhere; this type is
 * the result.
 */
import { ACCESS_VERBS, AccessPolicy } from "./access-policy.ts";

export interface Identity {
  /** For the log and the journal; undefined if callers are not identified. */
  readonly name: string | undefined;
  readonly policy: AccessPolicy;
}

/** The identity of every caller when no access rules are configured. */
export const EVERYONE: Identity = {
  name: undefined,
  policy: new AccessPolicy([{ effect: "allow", verbs: ACCESS_VERBS, patterns: ["*"] }], "everyone"),
};
