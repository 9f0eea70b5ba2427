/**
 * Declares the command line, runs one command, and converts every failure to an exit code.
 *
 * A failure that the user can fix is one line on standard error; a bug in the program is its stack.
 */
import { Argument, Command, CommanderError } from "commander";
import { closestName } from "../config/closest-name.ts";
import { isCacheError } from "../errors.ts";
import { escapeInvisible } from "../log-format.ts";
import type { CommandContext } from "./command-context.ts";
import { completionScript, SHELLS, type Shell } from "./completion.ts";
import { programSpec } from "./completion-spec.ts";
import { describeConfig } from "./describe-config.ts";
import { describeVerbs } from "./describe-verbs.ts";
import { EXIT_CODES, type ExitName } from "./exit-codes.ts";
import { inspect } from "./inspect.ts";
import { type ServeOptions, serve } from "./serve.ts";
import { verify } from "./verify.ts";

export const PROGRAM_NAME = "flame-object-cache";

/** Runs one command. Never rejects. @param args the arguments after the program's name. */
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
    .description(
      "An object cache for Apache Arrow: stores objects over Arrow Flight and returns the same bytes.",
    )
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
  program.commandsGroup("Checking files:");
  program
    .command("inspect")
    .description("print version, sizes, schema and blocks of one object file")
    .argument("<file>")
    .action(async (file: string) => finish(await inspect(file, context)));
  program
    .command("verify")
    .description("check every object file in a storage directory: one line per damaged or incomplete file")
    .argument("<directory>")
    .action(async (directory: string) => finish(await verify(directory, context)));
  describeConfig(program, context, finish);
  program.commandsGroup("Other:");
  program
    .command("completion")
    .description("print a script that completes this command in a shell")
    .addArgument(new Argument("<shell>", "the shell").choices(SHELLS))
    .action((shell: Shell) => {
      context.stdout.write(completionScript(shell, programSpec(program)));
    });
  for (const command of program.commands) command.showHelpAfterError(nextStep(command.name()));
  program
    .helpCommand(true)
    .addHelpText(
      "after",
      () => `\nThe default command is serve:\n${serveCommand.helpInformation()}\n${exitHelp()}`,
    );
  return program;
}

function describeServe(program: Command): Command {
  return program
    .command("serve", { isDefault: true })
    .allowExcessArguments()
    .description("serve objects over Arrow Flight until SIGTERM or SIGINT")
    .option("--config <file>", "configuration file (default: flame-cluster.yaml in FLAME_HOME, if it exists)")
    .option("--endpoint <endpoint>", "grpc://HOST:PORT, grpcs:// for TLS; port 0 selects a free port")
    .option(
      "--storage <location>",
      "none, a path, fs://PATH, file://PATH or s3://BUCKET/PREFIX; a relative path is under the working directory",
    )
    .option(
      "--local-cache <directory>",
      "with storage s3: where copies of large objects are kept on this host",
    )
    .option("--local-capacity <size>", "bytes of these copies (default: 80% of what is free at the start)")
    .option("--advertise <endpoint>", "endpoint that clients dial, if a port mapping or a service changes it")
    .option(
      "--network-interface <regexp>",
      "advertise the IPv4 address of the first interface whose name matches",
    )
    .option("--admin <address>", "HOST:PORT of health, metrics, dashboard and HTTP API, or none")
    .option("--http <address>", "HOST:PORT of a listener for the HTTP API alone")
    .option("--access-file <file>", "who may do what; the verb token creates and changes it")
    .option("--require-auth", "do not start without an access file")
    .option("--log <directives>", "LEVEL or target=LEVEL, comma-separated, as in RUST_LOG")
    .option("--print-config", "print the effective configuration with the source of each value, and exit")
    .option("--welcome", "print where objects are kept and how to try the server from Python");
}

/** Follows an error of a command's own arguments or options. */
function nextStep(name: string): string {
  const help = `'${PROGRAM_NAME} ${name} --help' lists its arguments and options`;
  const main = "--endpoint grpc://HOST:PORT to listen on, --storage DIR to keep objects in";
  return name === "serve" ? `(${help}: ${main})` : `(${help})`;
}

/** Words of other programs for what our commands do, and words that resemble a wrong command. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ["copy", "cp"],
  ["delete", "rm"],
  ["download", "get"],
  ["list", "ls"],
  ["remove", "rm"],
  ["run", "serve"],
  ["show", "cat"],
  ["start", "serve"],
  ["status", "info"],
  ["upload", "put"],
  ["version", "--version"],
]);

/** Commander passes an unknown command to `serve` as an argument; `serve` has no arguments. */
function refuseArguments(program: Command, { args }: Command): void {
  const [word] = args;
  if (word === undefined) return;
  const names = program.commands.map((command) => command.name());
  const nearest = SYNONYMS.get(word) ?? closestName(word, names);
  const next =
    nearest === undefined
      ? `'${PROGRAM_NAME} --help' lists the commands; --storage names a storage directory`
      : `Did you mean ${nearest}?`;
  program.error(`error: unknown command '${escapeInvisible(word)}'\n(${next})`);
}

function exitHelp(): string {
  const rows = Object.values(EXIT_CODES).map(({ code, meaning }) => `  ${String(code).padEnd(4)}${meaning}`);
  return ["Exit codes:", ...rows].join("\n");
}

function explain(error: unknown, { stderr }: CommandContext): ExitName {
  // Commander has already printed the error.
  if (error instanceof CommanderError) return error.exitCode === 0 ? "ok" : "usage";
  const [outcome, text] = classify(error);
  stderr.write(`${PROGRAM_NAME}: ${text}\n`);
  return outcome;
}

function classify(error: unknown): [ExitName, string] {
  if (!(error instanceof Error)) return ["internal", escapeInvisible(String(error))];
  if (isCacheError(error, "INVALID_CONFIG")) return ["config", escapeInvisible(error.message)];
  const isOperating = isCacheError(error) || "syscall" in error;
  if (isOperating) return ["unavailable", escapeInvisible(error.message)];
  return ["internal", error.stack ?? error.message];
}
