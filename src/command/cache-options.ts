/**
 * What the descriptions of all verbs share: the options about the cache, and how a verb is run.
 *
 * Each verb of describe-verbs.ts and describe-upkeep.ts is described with both.
 */
import type { Command } from "commander";
import type { RunOptions, Verb, VerbOptions } from "./verb.ts";

/** Runs a verb with what all of them have. */
export type Running = (
  verb: Verb,
  options: VerbOptions,
  more?: Pick<RunOptions, "hasDefaultSignals">,
) => Promise<void>;

/** The options that every verb has. */
export function withCache(command: Command): Command {
  return command
    .option(
      "--endpoint <endpoint>",
      "grpc://HOST:PORT, grpcs:// for TLS; default: FLAME_CACHE_ENDPOINT, flame.yaml, 127.0.0.1:9090",
    )
    .option("--ca-file <file>", "PEM certificates to trust, for TLS")
    .option("--json", "JSON on standard output, and no progress");
}
