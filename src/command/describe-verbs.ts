/**
 * The verbs that work with a cache: their arguments and options, as the command line and its completion know them.
 */
import { type Command, InvalidArgumentError, Option } from "commander";
import { type CatOptions, cat } from "./cat.ts";
import type { CommandContext } from "./command-context.ts";
import { copy } from "./copy.ts";
import type { ExitName } from "./exit-codes.ts";
import { type GetOptions, get } from "./get.ts";
import { type ListOptions, listObjects } from "./list-objects.ts";
import { type PutOptions, put } from "./put.ts";
import { type RemoveOptions, remove } from "./remove.ts";
import { stat } from "./stat.ts";
import { runVerb, type Verb, type VerbOptions } from "./verb.ts";

const ROWS_DEFAULT = 10;
const ROWS_MAX = 100_000;

export const VERBS_TITLE = "Working with a cache:";

/** Adds the verbs to the program. @param finish is given the outcome of the one that ran */
export function describeVerbs(
  program: Command,
  context: CommandContext,
  finish: (outcome: ExitName) => void,
): void {
  const programName = program.name();
  const running = async (verb: Verb, { json }: VerbOptions): Promise<void> =>
    finish(await runVerb(verb, context, { programName, ...(json === true && { json }) }));
  program.commandsGroup(VERBS_TITLE);
  describeTransfers(program, running);
  describeQuestions(program, running);
}

type Running = (verb: Verb, options: VerbOptions) => Promise<void>;

function describeTransfers(program: Command, running: Running): void {
  withCache(program.command("put"))
    .description("store a file, or standard input, as one object")
    .argument("<file>", "a file, or - for standard input")
    .requiredOption("-k, --key <key>", "app/session/object; app/session lets the server name the object")
    .addOption(
      new Option("--as <kind>", "auto: Arrow IPC bytes become a table, all others an opaque value")
        .choices(["auto", "opaque", "table"])
        .default("auto"),
    )
    .action((file: string, options: PutOptions) => running((run) => put(file, options, run), options));
  withCache(program.command("get"))
    .description("bring an object: a value's bytes, a table as Arrow IPC")
    .argument("<key>", "app/session/object")
    .option(
      "-o, --output <file>",
      "write to a file, which appears when it is whole; default: standard output",
    )
    .addOption(
      new Option(
        "--format <form>",
        "of a table; default: stream to standard output and *.arrows, file otherwise",
      ).choices(["file", "stream"]),
    )
    .option("-f, --force", "write to a terminal what is no text")
    .action((key: string, options: GetOptions) => running((run) => get(key, options, run), options));
  withCache(program.command("cp"))
    .description("copy an object to another cache or key, with its patches")
    .argument("<source>", "grpc://HOST:PORT/app/session/object, or a key alone")
    .argument("<target>", "the same; app/session keeps the object's name")
    .action((source: string, target: string, options: VerbOptions) =>
      running((run) => copy(source, target, options, run), options),
    );
}

function describeQuestions(program: Command, running: Running): void {
  withCache(program.command("ls"))
    .description("list objects: key, kind, version, rows, size")
    .argument("[prefix]", "app, app/session or app/session/object; default: everything", "")
    .option("--keys", "keys alone, one per line")
    .option("--bytes", "sizes in bytes, also on a terminal")
    .action((prefix: string, options: ListOptions) =>
      running((run) => listObjects(prefix, options, run), options),
    );
  withCache(program.command("stat"))
    .description("show what is known of an object: version, size, schema, reference")
    .argument("<key>", "app/session/object")
    .action((key: string, options: VerbOptions) => running((run) => stat(key, options, run), options));
  withCache(program.command("cat"))
    .description("show an object: a table's first rows, JSON, text, or a hex dump")
    .argument("<key>", "app/session/object")
    .addOption(
      new Option("-n, --rows <count>", "rows of a table, values of an object with patches")
        .argParser(parseRows)
        .default(ROWS_DEFAULT),
    )
    .action((key: string, options: CatOptions) => running((run) => cat(key, options, run), options));
  withCache(program.command("rm"))
    .description("delete what a prefix names; asks before it deletes more than one object")
    .argument("<prefix>", "app/session/object, app/session or 'app/*'")
    .option("-y, --yes", "do not ask")
    .action((prefix: string, options: RemoveOptions) =>
      running((run) => remove(prefix, options, run), options),
    );
}

/** The options that every verb has. */
function withCache(command: Command): Command {
  return command
    .option(
      "--endpoint <endpoint>",
      "grpc://HOST:PORT, grpcs:// for TLS; default: FLAME_CACHE_ENDPOINT, flame.yaml, 127.0.0.1:9090",
    )
    .option("--ca-file <file>", "PEM certificates to trust, for TLS")
    .option("--json", "JSON on standard output, and no progress");
}

function parseRows(text: string): number {
  const rows = Number(text);
  if (/^\d+$/.test(text) && rows <= ROWS_MAX) return rows;
  throw new InvalidArgumentError(`It must be a whole number from 0 to ${ROWS_MAX}.`);
}
