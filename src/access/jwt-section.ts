/**
 * The section `jwt` of the access file: which identity provider is trusted, and for what.
 *
 * Only algorithms with public keys can be configured. Keys come over `https`, or from this host.
 * @see docs/tls.md
 */
import { z } from "zod";
import type { AccessFile } from "../config/access-file.ts";
import type { AccessProblem } from "../config/access-problems.ts";
import { formatKey } from "../config/config-problem.ts";
import { durationSchema } from "../config/duration.ts";
import type { YamlPath } from "../config/yaml-file.ts";
import { CacheError } from "../errors.ts";
import { LIMITS } from "../limits.ts";

const ALGORITHMS = [
  ...["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
  ...["ES256", "ES384", "ES512", "EdDSA", "Ed25519"],
] as const;
const LOOPBACK = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

const NAME_ERROR = { error: `must be text of 1 to ${LIMITS.jwtClaimLengthMax} characters` };
const nameSchema = z.string(NAME_ERROR).min(1, NAME_ERROR).max(LIMITS.jwtClaimLengthMax, NAME_ERROR);

const urlSchema = z.string({ error: "must be a URL" }).transform((text, context): URL => {
  const url = URL.parse(text);
  const isSafe = url?.protocol === "https:" || (url?.protocol === "http:" && LOOPBACK.test(url.hostname));
  if (url !== null && isSafe && url.username === "" && url.password === "") return url;
  const message = "must be an https:// URL without credentials; http:// only on a loopback address";
  context.addIssue({ code: "custom", message });
  return z.NEVER;
});

const toleranceSchema = durationSchema.refine((durationMs) => durationMs <= LIMITS.jwtClockToleranceMsMax, {
  error: `must be at most ${LIMITS.jwtClockToleranceMsMax / 60_000} minutes`,
});

const AUDIENCE_ERROR = { error: "must be text or a list of texts" };
const ALGORITHM_ERROR = { error: `must be one of ${ALGORITHMS.join(", ")}` };

/** Section `jwt` of the access file. */
export const jwtSectionSchema = z
  .strictObject(
    {
      issuer: nameSchema,
      audience: z.union([nameSchema, z.array(nameSchema).min(1, AUDIENCE_ERROR)], AUDIENCE_ERROR),
      /** Relative to the access file. */
      jwks_file: nameSchema.optional(),
      jwks_url: urlSchema.optional(),
      identity_claim: nameSchema.default("sub"),
      algorithms: z
        .array(z.enum(ALGORITHMS, ALGORITHM_ERROR), { error: "must be a list of algorithms" })
        .min(1, { error: "must name an algorithm" })
        .default(["RS256", "ES256"]),
      clock_tolerance: toleranceSchema.default(LIMITS.jwtClockToleranceMs),
    },
    { error: ({ code }) => (code === "unrecognized_keys" ? "has an unknown key" : "must be a mapping") },
  )
  .refine((section) => (section.jwks_file === undefined) !== (section.jwks_url === undefined), {
    error: "must have either jwks_file or jwks_url",
  });

export type JwtSection = z.output<typeof jwtSectionSchema>;

/** Everything that is wrong in the section. */
export function jwtProblems(section: unknown): readonly AccessProblem[] {
  const issues = jwtSectionSchema.safeParse(section).error?.issues ?? [];
  return issues.flatMap((issue) => {
    const path = ["jwt", ...issue.path] as YamlPath;
    if (issue.code !== "unrecognized_keys") return [{ path, reason: issue.message }];
    return issue.keys.map((key) => ({ path: [...path, key], reason: "is not a known key" }));
  });
}

/**
 * Undefined if the file has no such section.
 * @throws {CacheError} INVALID_CONFIG naming key and line.
 */
export function jwtSectionOf({ jwt, placeOf }: Pick<AccessFile, "jwt" | "placeOf">): JwtSection | undefined {
  if (jwt === undefined || jwt === null) return undefined;
  const parsed = jwtSectionSchema.safeParse(jwt);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = ["jwt", ...(issue?.path ?? [])] as YamlPath;
  const source = placeOf(path);
  const key = formatKey(path);
  throw new CacheError("INVALID_CONFIG", `${key} ${issue?.message} (${source})`, { facts: { key, source } });
}
