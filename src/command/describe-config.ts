/**
 * Declares the verb `config`, which checks configuration files.
 *
 * The verb needs no server and changes nothing.
 */
import { Argument, type Command, Option } from "commander";
import { FILE_KINDS } from "../config/check-config-file.ts";
import type { CommandContext } from "./command-context.ts";
import { CONFIG_STEPS, type ConfigOptions, checkConfig } from "./config.ts";
import type { ExitName } from "./exit-codes.ts";
import { runVerb } from "./verb.ts";

export function describeConfig(
  program: Command,
  context: CommandContext,
  finish: (outcome: ExitName) => void,
): void {
  program
    .command("config")
    .description("check a flame-cluster.yaml, a flame.yaml or an access file, and print every problem")
    .addArgument(new Argument("<step>", "what to do").choices(CONFIG_STEPS))
    .argument("<file>", "the file")
    .addOption(new Option("--as <kind>", "what the file is; default: by its keys").choices(FILE_KINDS))
    .option("--json", "print JSON")
    .action(async (_step: string, file: string, options: ConfigOptions) =>
      finish(
        await runVerb((run) => checkConfig(file, options, run), context, { programName: program.name() }),
      ),
    );
}
