/**
 * The shape of an access file, with an error text for each part. Pure.
 *
 * Error texts are the rest of a sentence that begins with a key: "... must be a list". They never
 * contain the value, because it may be a secret in a wrong place. Unknown keys pass: the reader warns
 * about them.
 */
import { z } from "zod";
import { LIMITS } from "../limits.ts";
import { QUOTA_KEYS, quotaSchema } from "./quota-schema.ts";

const NAME = /^[\p{L}\p{N}_@+][\p{L}\p{N}_@+.=-]*$/u;
const DATE = /^\d{4}-\d{2}-\d{2}(?:[Tt ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:[Zz]|[+-]\d{2}:\d{2}))?$/;
/** An application id. A quota for a name that no key can have has no effect. */
const APPLICATION = /^[^./*\\\s][^/\\]{0,199}$/u;
const CERTIFICATE = /^(?:CN=|DNS:|URI:)./;

/** YAML reads `007` as a number; a name is text. */
const text = (reason: string) => z.string({ error: `${reason}, in quotes if it looks like a number` });

const name = text("must be a name").refine(
  (value) => value.length <= LIMITS.accessNameLengthMax && NAME.test(value),
  {
    error: `must have at most ${LIMITS.accessNameLengthMax} letters, digits and the signs _ @ + . = -, and begin with one of the first four`,
  },
);

const comment = text("must be text").max(LIMITS.accessNameLengthMax, {
  error: `must have at most ${LIMITS.accessNameLengthMax} characters`,
});

const moment = text("must be a date such as 2027-01-31 or 2027-01-31T12:00:00Z").transform(
  (value, context) => {
    const timeMs = DATE.test(value) ? Date.parse(value) : Number.NaN;
    if (!Number.isNaN(timeMs)) return timeMs;
    context.addIssue({
      code: "custom",
      message: "must be a date such as 2027-01-31 or 2027-01-31T12:00:00Z",
    });
    return z.NEVER;
  },
);

function list<Item extends z.ZodType>(item: Item, reason: string, lengthMax?: number) {
  const items = z.array(item, { error: reason });
  return lengthMax === undefined
    ? items
    : items.min(1, { error: reason }).max(lengthMax, { error: `must have at most ${lengthMax} items` });
}

const verbs = list(
  text("must be a verb"),
  "must be a list of verbs, such as [get, list]",
  LIMITS.accessPatternsMax,
);

const rule = z
  .looseObject(
    {
      allow: verbs.optional(),
      deny: verbs.optional(),
      on: list(
        text("must be a pattern"),
        'must be a list of patterns, such as ["app/*"]',
        LIMITS.accessPatternsMax,
      ),
    },
    { error: "must be a mapping with allow or deny, and on" },
  )
  .refine(({ allow, deny }) => (allow === undefined) !== (deny === undefined), {
    error: "must have either allow or deny",
  });

const rules = z
  .array(rule, { error: "must be a list of rules" })
  .max(LIMITS.accessRulesMax, { error: `must have at most ${LIMITS.accessRulesMax} rules` });

const token = z.looseObject(
  {
    id: name,
    sha256: text("must be text").regex(/^[0-9a-f]{64}$/i, {
      error: "must be the SHA-256 of the token in 64 hexadecimal digits; the verb token writes it",
    }),
    name: comment.optional(),
    expires: moment.optional(),
  },
  { error: "must be a mapping with id and sha256" },
);

const identity = z.looseObject(
  {
    name,
    rules: rules.optional(),
    tokens: list(token, "must be a list of tokens").optional(),
    password: text("must be text").optional(),
    certificates: list(
      text("must be text").regex(CERTIFICATE, { error: "must begin with CN=, DNS: or URI:" }),
      "must be a list such as [DNS:worker.example]",
    ).optional(),
    jwt: list(text("must be a subject"), "must be a list of subjects").optional(),
    quota: quotaSchema.optional(),
  },
  { error: "must be a mapping with a name" },
);

const application = z.looseObject(
  {
    name: text("must be an application id, or *").refine(
      (value) => value === "*" || APPLICATION.test(value),
      {
        error: "must be an application id, or * for each application without a quota of its own",
      },
    ),
    quota: quotaSchema,
  },
  { error: "must be a mapping with name and quota" },
);

export const accessSchema = z.looseObject(
  {
    identities: list(identity, "must be a list of identities").optional(),
    applications: list(application, "must be a list of applications with quotas").optional(),
    anonymous: z.looseObject({ rules }, { error: "must be a mapping with rules" }).optional(),
    jwt: z.unknown().optional(),
  },
  { error: "must be a mapping with identities" },
);

export type AccessDocument = z.infer<typeof accessSchema>;
export type RuleDocument = z.infer<typeof rule>;
export type IdentityDocument = z.infer<typeof identity>;

/** The keys of each mapping, for warnings about others. */
export const ACCESS_KEYS = {
  file: ["identities", "applications", "anonymous", "jwt"],
  application: ["name", "quota"],
  quota: QUOTA_KEYS,
  anonymous: ["rules"],
  identity: ["name", "rules", "tokens", "password", "certificates", "jwt", "quota"],
  rule: ["allow", "deny", "on"],
  token: ["id", "sha256", "name", "expires"],
} as const;
