/**
 * Declares the verb `copy-store`, which copies a whole store.
 *
 * The verb needs no server; it opens directories and buckets itself.
 */
import type { Command } from "commander";
import type { CommandContext } from "./command-context.ts";
import { type CopyStoreOptions, copyStore } from "./copy-store.ts";
import type { ExitName } from "./exit-codes.ts";
import { runVerb } from "./verb.ts";

export function describeCopyStore(
  program: Command,
  context: CommandContext,
  finish: (outcome: ExitName) => void,
): void {
  const programName = program.name();
  program
    .command("copy-store")
    .description("copy all objects of a storage directory to a bucket, or back, with their versions")
    .argument("<from>", "a storage directory that no server uses, or s3://BUCKET/PREFIX")
    .argument("<to>", "the same forms; what it has already is not copied again")
    .option("--config <file>", "configuration file with the settings of the store, as for serve")
    .option("--json", "print JSON, and no progress bar")
    .action(async (from: string, to: string, options: CopyStoreOptions) => {
      const { json = false } = options;
      finish(await runVerb((run) => copyStore([from, to], options, run), context, { programName, json }));
    });
}
