/**
 * The command line: which command, which options, and how each way to fail ends.
 *
 * A failure that a user can mend is one line on standard error; a mistake of ours is its stack.
 */
import { Argument, Command, CommanderError } from "commander";
import { closestName } from "../config/closest-name.ts";
import { isCacheError } from "../errors.ts";
import { escapeUnseen } from "../log-format.ts";
import type { CommandContext } from "./command-context.ts";
import { completedProgram } from "./completed-program.ts";
import { completionScript, SHELLS, type Shell } from "./completion.ts";
import { describeVerbs } from "./describe-verbs.ts";
import { EXIT_CODES, type ExitName } from "./exit-codes.ts";
import { inspect } from "./inspect.ts";
import { type ServeOptions, serve } from "./serve.ts";
import { verify } from "./verify.ts";

export const PROGRAM_NAME = "flame-object-cache";

/** Runs one command to its end. Never rejects. `args` are those after the program's name. */
export async function runCommandLine(args: readonly string[], context: CommandContext): Promise<ExitName> {
  let outcome: ExitName = "ok";
  const program = describeProgram(context, (name) => {
    outcome = name;
  });
  try {
    await program.parseAsync(args, { from: "user" });
    return outcome;
  } catch (error) {
    return explain(error, context);
  }
}

function describeProgram(context: CommandContext, finish: (outcome: ExitName) => void): Command {
  const program = new Command(PROGRAM_NAME)
    .description("An object cache on Apache Arrow: Arrow Flight in, the same bytes out, kept on disk.")
    .version(context.version)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void context.stdout.write(text),
      writeErr: (text) => void context.stderr.write(text),
    });
  program.commandsGroup("Serving:");
  const serveCommand = describeServe(program).action(async (options: ServeOptions, command: Command) => {
    refuseArguments(program, command);
    finish(await serve(options, context));
  });
  describeVerbs(program, context, finish);
  program.commandsGroup("Looking at storage:");
  program
    .command("inspect")
    .description("show blocks, schema, version and sizes of one object file")
    .argument("<file>")
    .action(async (file: string) => finish(await inspect(file, context)));
  program
    .command("verify")
    .description("read every object file below a storage directory: one line per file that is not whole")
    .argument("<directory>")
    .action(async (directory: string) => finish(await verify(directory, context)));
  program.commandsGroup("Other:");
  program
    .command("completion")
    .description("print a script that completes this command in a shell")
    .addArgument(new Argument("<shell>", "of which shell").choices(SHELLS))
    .action((shell: Shell) => {
      context.stdout.write(completionScript(shell, completedProgram(program)));
    });
  program.addHelpText(
    "after",
    () => `\nWithout a command, serve:\n${serveCommand.helpInformation()}\n${exitHelp()}`,
  );
  return program;
}

function describeServe(program: Command): Command {
  return program
    .command("serve", { isDefault: true })
    .allowExcessArguments()
    .description("serve objects over Arrow Flight until SIGTERM or SIGINT")
    .option(
      "--config <file>",
      "configuration file (default: flame-cluster.yaml in FLAME_HOME, if it is there)",
    )
    .option("--endpoint <endpoint>", "grpc://HOST:PORT, grpcs:// for TLS; port 0 takes a free one")
    .option(
      "--storage <location>",
      "none, a path, fs://PATH or file://PATH; relative ones under the working directory",
    )
    .option("--advertise <endpoint>", "what clients dial instead, behind a port mapping or a service")
    .option(
      "--network-interface <regexp>",
      "advertise the IPv4 address of the first interface whose name matches",
    )
    .option("--log <directives>", "LEVEL or target=LEVEL, comma-separated, as in RUST_LOG")
    .option("--print-config", "print the effective configuration and where each value comes from, and exit")
    .option("--welcome", "say where objects are kept and how to try the server from Python");
}

/** What stands where a command should is an argument of `serve`, which takes none. */
function refuseArguments(program: Command, { args }: Command): void {
  const [word] = args;
  if (word === undefined) return;
  const nearest = closestName(
    word,
    program.commands.map((command) => command.name()),
  );
  const next =
    nearest === undefined
      ? `'${PROGRAM_NAME} --help' lists the commands; --storage names a storage directory`
      : `Did you mean ${nearest}?`;
  program.error(`error: unknown command '${escapeUnseen(word)}'\n(${next})`);
}

function exitHelp(): string {
  const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => `  ${String(code).padEnd(4)}${meaning}`);
  return ["Exit codes:", ...rows].join("\n");
}

function explain(error: unknown, { stderr }: CommandContext): ExitName {
  // Commander has already said what it has to say.
  if (error instanceof CommanderError) return error.exitCode === 0 ? "ok" : "usage";
  const [outcome, text] = classify(error);
  stderr.write(`${PROGRAM_NAME}: ${text}\n`);
  return outcome;
}

function classify(error: unknown): [ExitName, string] {
  if (!(error instanceof Error)) return ["internal", escapeUnseen(String(error))];
  if (isCacheError(error, "INVALID_CONFIG")) return ["config", escapeUnseen(error.message)];
  const isOperating = isCacheError(error) || "syscall" in error;
  if (isOperating) return ["unavailable", escapeUnseen(error.message)];
  return ["internal", error.stack ?? error.message];
}
