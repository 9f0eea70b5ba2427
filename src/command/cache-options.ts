/**
 * The options that every verb has, and the type of the function that runs a verb.
 *
 * Used by describe-verbs.ts and describe-maintenance.ts.
 */
import { Argument, type Command } from "commander";
import type { RunOptions, Verb, VerbOptions } from "./verb.ts";

/** Runs a verb with the command's context and the common options. */
export type StartVerb = (
  verb: Verb,
  options: VerbOptions,
  more?: Pick<RunOptions, "hasDefaultSignals">,
) => Promise<void>;

/** Adds the options that every verb has. */
export function withCache(command: Command): Command {
  return command
    .option(
      "--endpoint <endpoint>",
      "grpc://HOST:PORT, grpcs:// for TLS; default: FLAME_CACHE_ENDPOINT, flame.yaml, 127.0.0.1:9090",
    )
    .option("--ca-file <file>", "PEM file of the certificates to trust, for TLS")
    .option("--token-file <file>", "file that contains the token to send; default: FLAME_CACHE_TOKEN")
    .option("--cert-file <file>", "PEM file of the client certificate, for TLS")
    .option("--key-file <file>", "PEM file of its key")
    .option("--json", "print JSON, and no progress bar");
}

/** The optional argument of the verbs that list objects. */
export function anyPrefix(): Argument {
  return new Argument("[prefix]", "app, app/session or app/session/object").default("", "all objects");
}
