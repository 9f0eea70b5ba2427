/**
 * Declares the verbs that maintain a cache: sizes, searches, changes, expiry, reachability.
 *
 * The counterpart of describe-verbs.ts, which declares the verbs for single objects.
 */
import { type Command, Option } from "commander";
import { type BenchOptions, bench } from "./bench.ts";
import { anyPrefix, type StartVerb, withCache } from "./cache-options.ts";
import { completeKeys } from "./complete-keys.ts";
import { COMPLETE_KEYS } from "./completion.ts";
import { diskUsage, type UsageOptions } from "./disk-usage.ts";
import { type FindOptions, find } from "./find.ts";
import { countFrom, parseMoment, parseSize, parseSpan } from "./parse-option.ts";
import { type ExpireVerbOptions, expire, type PinVerbOptions, pin, unpin } from "./pin-and-expire.ts";
import { info, type PingOptions, ping } from "./ping.ts";
import type { VerbOptions } from "./verb.ts";
import { type WatchOptions, watch } from "./watch.ts";

const NAME = "app/session/object, app/session or 'app/*'";
const BENCH_SIZE = 64 * 1024;

export function describeMaintenance(program: Command, startVerb: StartVerb): void {
  describeSearches(program, startVerb);
  describeRetention(program, startVerb);
  describeServer(program, startVerb);
}

function describeSearches(program: Command, startVerb: StartVerb): void {
  withCache(program.command("find"))
    .description("print the keys of objects by name, type, size or time")
    .addArgument(anyPrefix())
    .option("--name <pattern>", "pattern for the whole key: * is any text, ? any character")
    .option("--type <type>", "type: table, opaque, json, bytes, tensor, pickle, file or a logical type")
    .option("--larger <size>", "larger than this size, such as 64K", parseSize)
    .option("--smaller <size>", "smaller than this size", parseSize)
    .option("--newer <time>", "put or patched since this time: 2h, 7d or 2024-05-01T12:00Z", parseMoment)
    .option("--older <time>", "not put or patched since this time", parseMoment)
    .option("--limit <count>", "print at most this many keys", countFrom(1, Number.MAX_SAFE_INTEGER))
    .option("-l, --long", "print the same lines as ls")
    .action((prefix: string, options: FindOptions) =>
      startVerb((run) => find(prefix, options, run), options),
    );
  withCache(program.command("du"))
    .description("sum up bytes and objects of each session or application")
    .addArgument(anyPrefix())
    .addOption(
      new Option("--by <part>", "print one sum per session or per app")
        .choices(["session", "app"])
        .default("session"),
    )
    .option("--bytes", "print sizes in bytes, also on a terminal")
    .action((prefix: string, options: UsageOptions) =>
      startVerb((run) => diskUsage(prefix, options, run), options),
    );
  withCache(program.command("watch"))
    .description("print a line for each object that is added, changed or removed, until Ctrl-C")
    .addArgument(anyPrefix())
    .addOption(
      new Option("-i, --interval <time>", "time between two polls").argParser(parseSpan).default(2, "2s"),
    )
    .option("--changes <count>", "exit after this many changes", countFrom(1, Number.MAX_SAFE_INTEGER))
    .option("--initial", "print the existing objects first")
    .action((prefix: string, options: WatchOptions) =>
      startVerb((run) => watch(prefix, options, run), options),
    );
}

function describeRetention(program: Command, startVerb: StartVerb): void {
  withCache(program.command("pin"))
    .description("protect objects from eviction")
    .argument("<prefix>", NAME)
    .option("--for <time>", "how long, such as 1h; default: until unpin", parseSpan)
    .action((name: string, options: PinVerbOptions) => startVerb((run) => pin(name, options, run), options));
  withCache(program.command("unpin"))
    .description("remove the pin that was set with this prefix")
    .argument("<prefix>", NAME)
    .action((name: string, options: VerbOptions) => startVerb((run) => unpin(name, options, run), options));
  withCache(program.command("expire"))
    .description("set when objects expire")
    .argument("<prefix>", NAME)
    .option(
      "--in <time>",
      "such as 1h or 7d; counts from now for an object, from each put for a session or application",
      parseSpan,
    )
    .option("--never", "the objects never expire")
    .action((name: string, options: ExpireVerbOptions) =>
      startVerb((run) => expire(name, options, run), options),
    );
}

function describeServer(program: Command, startVerb: StartVerb): void {
  withCache(program.command("ping"))
    .description("test whether the server answers, and how fast")
    .addOption(
      new Option("-c, --count <count>", "number of calls").argParser(countFrom(1, 1_000_000)).default(1),
    )
    .action((options: PingOptions) => startVerb((run) => ping(options, run), options));
  withCache(program.command("info"))
    .description("show what the server holds and offers")
    .action((options: VerbOptions) => startVerb((run) => info(options, run), options));
  withCache(program.command("bench"))
    .description("measure puts and gets of objects of one size, then delete them")
    .addOption(
      new Option("--size <size>", "size of each value").argParser(parseSize).default(BENCH_SIZE, "64K"),
    )
    .addOption(
      new Option("--count <count>", "number of objects").argParser(countFrom(1, 1_000_000)).default(1000),
    )
    .addOption(
      new Option("--concurrency <count>", "number of concurrent calls")
        .argParser(countFrom(1, 256))
        .default(8),
    )
    .action((options: BenchOptions) => startVerb((run) => bench(options, run), options));
  withCache(program.command(COMPLETE_KEYS, { hidden: true }))
    .argument("[word]", "the word typed so far", "")
    .action((word: string, options: VerbOptions) =>
      startVerb((run) => completeKeys(word, options, run), options),
    );
}
