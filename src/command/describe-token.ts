/**
 * Declares the verb `token`, which changes the access file of a server.
 *
 * The options --allow, --deny and --on form a list of rules in the order in which they are written.
 */
import { Argument, type Command, InvalidArgumentError } from "commander";
import { ACCESS_VERBS, type AccessVerb } from "../access/access-policy.ts";
import type { StartVerb } from "./cache-options.ts";
import { parseDeadline } from "./parse-option.ts";
import { TOKEN_STEPS, type TokenOptions, type TokenRule, type TokenStep, token } from "./token.ts";

export function describeToken(program: Command, startVerb: StartVerb): void {
  const rules: TokenRule[] = [];
  const addRule = (effect: TokenRule["effect"]) => (text: string) => {
    rules.push({ effect, verbs: parseVerbs(text), patterns: [] });
  };
  program
    .command("token")
    .description("create, list and revoke the tokens in the access file of a server")
    .addArgument(
      new Argument("<step>", "what to do; password reads one from standard input").choices(TOKEN_STEPS),
    )
    .argument("[id]", "the id of the token to revoke")
    .option("--access-file <file>", "the access file; create and password write a new one")
    .option("--identity <name>", "whose token or password; a new identity needs rules")
    .option("--allow <verbs>", `comma-separated: ${ACCESS_VERBS.join(", ")}, or all`, addRule("allow"))
    .option("--deny <verbs>", "the same; a deny rule wins over every allow rule", addRule("deny"))
    .option(
      "--on <pattern>",
      "objects of the rule before: '*', 'app/*', 'app/session/*' or a key; may be repeated",
      (text: string) => addPattern(rules, text),
    )
    .option("--expires <time>", "a duration such as 30d, or a date; default: never", parseDeadline)
    .option("--name <text>", "a note for token list, such as where the token is used")
    .option("--json", "print JSON")
    .action((step: TokenStep, id: string | undefined, options: TokenOptions) =>
      startVerb((run) => token(step, { ...options, id, rules }, run), options),
    );
}

function addPattern(rules: readonly TokenRule[], text: string): void {
  const rule = rules.at(-1);
  if (rule === undefined) throw new InvalidArgumentError("It must follow --allow or --deny.");
  rule.patterns.push(text);
}

function parseVerbs(text: string): readonly AccessVerb[] {
  if (text.trim() === "all") return ACCESS_VERBS;
  return text.split(",").map((word) => {
    const verb = ACCESS_VERBS.find((each) => each === word.trim().toLowerCase());
    if (verb !== undefined) return verb;
    throw new InvalidArgumentError(`It must be a list of ${ACCESS_VERBS.join(", ")}, or all.`);
  });
}
