/**
 * What a completion script has to know of the command line, read out of its description.
 */
import type { Command, Option } from "commander";
import type { CompletedCommand, CompletedOption, CompletedProgram } from "./completion.ts";

export function completedProgram(program: Command): CompletedProgram {
  return { name: program.name(), commands: program.commands.map(completedCommand) };
}

function completedCommand(command: Command): CompletedCommand {
  const help: CompletedOption = {
    flags: ["-h", "--help"],
    description: "show help",
    takesValue: false,
    choices: [],
    isFile: false,
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
    isFile: option.flags.endsWith("<file>"),
  };
}

/** By the name of the first argument, which says what it is. */
function completedArgument(command: Command): CompletedCommand["argument"] {
  const [argument] = command.registeredArguments;
  if (argument?.argChoices !== undefined) return { choices: argument.argChoices };
  if (argument?.name() === "file") return "file";
  return argument?.name() === "directory" ? "directory" : "none";
}
