/**
 * Builds the zod schema of a value that people write as text: in YAML, in the environment or as a
 * flag.
 *
 * YAML parses `1024` as a number. This schema converts it back to text, so that one parser serves
 * all three sources. An error message is the rest of a sentence that begins with the key: "... must
 * be grpc://HOST:PORT".
 */
import { z } from "zod";

/** Rejects the text. The parser returns the result of this call. */
export type Refuse = (reason: string) => never;

/** A schema whose output is the result of `read`. */
export function textSchema<T>(read: (text: string, refuse: Refuse) => T): z.ZodType<T> {
  return z
    .union([z.string(), z.number()], { error: "must be text or a number" })
    .transform((raw, context): T => {
      const refuse = (reason: string): never => {
        context.addIssue({ code: "custom", message: reason });
        return z.NEVER;
      };
      const text = String(raw).trim();
      return text === "" ? refuse("must not be empty") : read(text, refuse);
    });
}
