/**
 * Converts commander's description of the command line to the model that completion scripts use.
 */
import type { Command, Option } from "commander";
import { COMPLETE_KEYS, type CommandSpec, type OptionSpec, type ProgramSpec } from "./completion.ts";

export function programSpec(program: Command): ProgramSpec {
  return {
    name: program.name(),
    commands: program.commands.filter((each) => each.name() !== COMPLETE_KEYS).map(commandSpec),
  };
}

function commandSpec(command: Command): CommandSpec {
  const help: OptionSpec = {
    flags: ["-h", "--help"],
    description: "show help",
    takesValue: false,
    choices: [],
    value: "other",
  };
  return {
    name: command.name(),
    description: command.description(),
    options: [...command.options.map(optionSpec), help],
    argument: argumentSpec(command),
  };
}

function optionSpec(option: Option): OptionSpec {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
    description: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
    value: option.flags.endsWith("<file>") ? "file" : option.flags.endsWith("<key>") ? "key" : "other",
  };
}

const KEY_NAMES: ReadonlySet<string> = new Set(["key", "prefix", "source"]);

/** The kind of the first argument, derived from its name. */
function argumentSpec(command: Command): CommandSpec["argument"] {
  const [argument] = command.registeredArguments;
  if (argument?.argChoices !== undefined) return { choices: argument.argChoices };
  if (argument?.name() === "file") return "file";
  if (argument?.name() === "directory") return "directory";
  return KEY_NAMES.has(argument?.name() ?? "") ? "key" : "none";
}
