/**
 * The zod schema of a value that people write as text, in YAML, in the environment or as a flag.
 *
 * YAML turns `1024` into a number before anybody asks; here it is text again, so that all three sources are
 * read by the same lines. What is wrong with a value is told as the end of a sentence that begins with its key:
 * "... must be grpc://HOST:PORT".
 */
import { z } from "zod";

/** Refuses the text; to be returned by the reader that calls it. */
export type Refuse = (reason: string) => never;

/** A schema whose output is what `read` makes of the text. */
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
