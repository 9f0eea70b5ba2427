/**
 * Declares the verbs that work with a running cache: their arguments, options and help texts.
 *
 * The command line and the completion scripts both use these declarations.
 */
import { type Command, Option } from "commander";
import { anyPrefix, type StartVerb, withCache } from "./cache-options.ts";
import { type CatOptions, cat } from "./cat.ts";
import type { CommandContext } from "./command-context.ts";
import { copy } from "./copy.ts";
import { describeMaintenance } from "./describe-maintenance.ts";
import { describeObserving } from "./describe-observing.ts";
import { describeToken } from "./describe-token.ts";
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

/** Adds the verbs to the program. @param finish receives the outcome of the verb that ran. */
export function describeVerbs(
  program: Command,
  context: CommandContext,
  finish: (outcome: ExitName) => void,
): void {
  const programName = program.name();
  const startVerb: StartVerb = async (verb, { json }, more) =>
    finish(await runVerb(verb, context, { programName, ...(json === true && { json }), ...more }));
  program.commandsGroup(VERBS_TITLE);
  describeTransfers(program, startVerb);
  describeObjectVerbs(program, startVerb);
  describeMaintenance(program, startVerb);
  describeObserving(program, startVerb);
  program.commandsGroup("Access:");
  describeToken(program, startVerb);
}

function describeTransfers(program: Command, startVerb: StartVerb): void {
  withCache(program.command("put"))
    .description("store a file or standard input as one object")
    .argument("<file>", "a file, or - for standard input")
    .requiredOption(
      "-k, --key <key>",
      "app/session/object; with app/session the server generates the object id",
    )
    .addOption(
      new Option(
        "--as <kind>",
        "how to store it; auto: Arrow IPC becomes a table, other input an uploaded file",
      )
        .choices(["auto", "json", "bytes", "table", "opaque"])
        .default("auto"),
    )
    .action((file: string, options: PutOptions) => startVerb((run) => put(file, options, run), options));
  withCache(program.command("get"))
    .description("read an object: the bytes of a value, or a table as Arrow IPC")
    .argument("<key>", "app/session/object")
    .option(
      "-o, --output <file>",
      "write to a file, which appears only when complete; default: standard output",
    )
    .addOption(
      new Option(
        "--format <form>",
        "format of a table; default: stream for standard output and *.arrows, file otherwise",
      ).choices(["file", "stream"]),
    )
    .option("-f, --force", "write binary data to the terminal")
    .option("--raw", "write a value as it is stored, with its type tag")
    .action((key: string, options: GetOptions) => startVerb((run) => get(key, options, run), options));
  withCache(program.command("cp"))
    .description("copy an object with its patches to another cache or key")
    .argument("<source>", "grpc://HOST:PORT/app/session/object, or a key in the cache of --endpoint")
    .argument("<target>", "the same forms; app/session keeps the object id")
    .action((source: string, target: string, options: VerbOptions) =>
      startVerb((run) => copy(source, target, options, run), options),
    );
}

function describeObjectVerbs(program: Command, startVerb: StartVerb): void {
  withCache(program.command("ls"))
    .description("list objects: key, kind, version, rows, size, type")
    .addArgument(anyPrefix())
    .option("--keys", "print only keys, one per line")
    .option("--bytes", "print sizes in bytes, also on a terminal")
    .option("--limit <count>", "print at most this many objects", countFrom(1, Number.MAX_SAFE_INTEGER))
    .addOption(
      new Option("--sort <by>", "order: keys from A to Z, others from the largest or newest").choices(
        SORT_KEYS,
      ),
    )
    .option("--since <time>", "put or patched since this time: 2h, 7d or 2024-05-01T12:00Z", parseMoment)
    .action((prefix: string, options: ListOptions) =>
      startVerb((run) => listObjects(prefix, options, run), options),
    );
  withCache(program.command("stat"))
    .description("describe an object: version, size, schema, reference")
    .argument("<key>", "app/session/object")
    .action((key: string, options: VerbOptions) => startVerb((run) => stat(key, options, run), options));
  withCache(program.command("cat"))
    .description("display an object: a table's first rows, JSON, text, or a hex dump")
    .argument("<key>", "app/session/object")
    .addOption(
      new Option("-n, --rows <count>", "number of table rows, or of values of an object with patches")
        .argParser(countFrom(0, ROWS_MAX))
        .default(ROWS_DEFAULT),
    )
    .action((key: string, options: CatOptions) =>
      startVerb((run) => cat(key, options, run), options, { hasDefaultSignals: true }),
    );
  withCache(program.command("rm"))
    .description("delete an object, session or application; asks before it deletes more than one object")
    .argument("<prefix>", "app/session/object, app/session or 'app/*'")
    .option("-y, --yes", "delete without asking")
    .action((prefix: string, options: RemoveOptions) =>
      startVerb((run) => remove(prefix, options, run), options),
    );
}
