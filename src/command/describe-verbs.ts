/**
 * The verbs that work with a cache: their arguments and options, as the command line and its completion know them.
 */
import { type Command, Option } from "commander";
import { type Running, withCache } from "./cache-options.ts";
import { type CatOptions, cat } from "./cat.ts";
import type { CommandContext } from "./command-context.ts";
import { copy } from "./copy.ts";
import { describeUpkeep } from "./describe-upkeep.ts";
import type { ExitName } from "./exit-codes.ts";
import { type GetOptions, get } from "./get.ts";
import { type ListOptions, listObjects } from "./list-objects.ts";
import { SORT_KEYS } from "./listed-objects.ts";
import { countFrom, parseMoment } from "./parse-option.ts";
import { type PutOptions, put } from "./put.ts";
import { type RemoveOptions, remove } from "./remove.ts";
import { stat } from "./stat.ts";
import { runVerb, type VerbOptions } from "./verb.ts";

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
  const running: Running = async (verb, { json }, more) =>
    finish(await runVerb(verb, context, { programName, ...(json === true && { json }), ...more }));
  program.commandsGroup(VERBS_TITLE);
  describeTransfers(program, running);
  describeQuestions(program, running);
  describeUpkeep(program, running);
}

function describeTransfers(program: Command, running: Running): void {
  withCache(program.command("put"))
    .description("store a file, or standard input, as one object")
    .argument("<file>", "a file, or - for standard input")
    .requiredOption("-k, --key <key>", "app/session/object; app/session lets the server name the object")
    .addOption(
      new Option("--as <kind>", "auto: Arrow IPC bytes become a table, all others a file's bytes")
        .choices(["auto", "json", "bytes", "table", "opaque"])
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
    .option("-f, --force", "write binary data to the terminal")
    .option("--raw", "write a value as it is stored, with the tag of its type")
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
    .description("list objects: key, kind, version, rows, size, type")
    .argument("[prefix]", "app, app/session or app/session/object; default: everything", "")
    .option("--keys", "keys alone, one per line")
    .option("--bytes", "sizes in bytes, also on a terminal")
    .option("--limit <count>", "at most so many", countFrom(1, Number.MAX_SAFE_INTEGER))
    .addOption(
      new Option("--sort <by>", "keys from A to Z, all else from the largest or newest").choices(SORT_KEYS),
    )
    .option("--since <time>", "put or patched since then: 2h, 7d or 2024-05-01T12:00Z", parseMoment)
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
        .argParser(countFrom(0, ROWS_MAX))
        .default(ROWS_DEFAULT),
    )
    .action((key: string, options: CatOptions) =>
      running((run) => cat(key, options, run), options, { hasDefaultSignals: true }),
    );
  withCache(program.command("rm"))
    .description("delete what a prefix names; asks before it deletes more than one object")
    .argument("<prefix>", "app/session/object, app/session or 'app/*'")
    .option("-y, --yes", "do not ask")
    .action((prefix: string, options: RemoveOptions) =>
      running((run) => remove(prefix, options, run), options),
    );
}
