/**
 * What a completion script has to know of the command line, read out of its description.
 */
import type { Command, Option } from "commander";
import {
  COMPLETE_KEYS,
  type CompletedCommand,
  type CompletedOption,
  type CompletedProgram,
} from "./completion.ts";

export function completedProgram(program: Command): CompletedProgram {
  return {
    name: program.name(),
    commands: program.commands.filter((each) => each.name() !== COMPLETE_KEYS).map(completedCommand),
  };
}

function completedCommand(command: Command): CompletedCommand {
  const help: CompletedOption = {
    flags: ["-h", "--help"],
    description: "show help",
    takesValue: false,
    choices: [],
    value: "other",
  };
  return {
    name: command.name(),
    description: command.description(),
    options: [...command.options.map(completedOption), help],
    argument: completedArgument(command),
  };
}

function completedOption(option: Option): CompletedOption {
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null),
    description: option.description,
    takesValue: option.required || option.optional,
    choices: option.argChoices ?? [],
    value: option.flags.endsWith("<file>") ? "file" : option.flags.endsWith("<key>") ? "key" : "other",
  };
}

const KEY_NAMES: ReadonlySet<string> = new Set(["key", "prefix", "source"]);

/** By the name of the first argument, which says what it is. */
function completedArgument(command: Command): CompletedCommand["argument"] {
  const [argument] = command.registeredArguments;
  if (argument?.argChoices !== undefined) return { choices: argument.argChoices };
  if (argument?.name() === "file") return "file";
  if (argument?.name() === "directory") return "directory";
  return KEY_NAMES.has(argument?.name() ?? "") ? "key" : "none";
}
