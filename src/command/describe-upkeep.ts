/**
 * The verbs that look after a cache: sizes, searches, changes, times to live, reachability. As describe-verbs.ts.
 */
import { type Command, Option } from "commander";
import { type BenchOptions, bench } from "./bench.ts";
import { type Running, withCache } from "./cache-options.ts";
import { completeKeys } from "./complete-keys.ts";
import { COMPLETE_KEYS } from "./completion.ts";
import { diskUsage, type UsageOptions } from "./disk-usage.ts";
import { type FindOptions, find } from "./find.ts";
import { type ExpireVerbOptions, expire, type PinVerbOptions, pin, unpin } from "./keep.ts";
import { countFrom, parseMoment, parseSize, parseSpan } from "./parse-option.ts";
import { info, type PingOptions, ping } from "./ping.ts";
import type { VerbOptions } from "./verb.ts";
import { type WatchOptions, watch } from "./watch.ts";

const NAME = "app/session/object, app/session or 'app/*'";
const PREFIX = "app, app/session or app/session/object; default: everything";
const BENCH_SIZE = 64 * 1024;

export function describeUpkeep(program: Command, running: Running): void {
  describeSearches(program, running);
  describeKeeping(program, running);
  describeServer(program, running);
}

function describeSearches(program: Command, running: Running): void {
  withCache(program.command("find"))
    .description("print the keys of objects by name, type, size or time")
    .argument("[prefix]", PREFIX, "")
    .option("--name <pattern>", "of the whole key: * is any text, ? any character")
    .option("--type <type>", "table, opaque, json, bytes, tensor, pickle, file or a logical type")
    .option("--larger <size>", "more bytes than that, such as 64K", parseSize)
    .option("--smaller <size>", "fewer bytes than that", parseSize)
    .option("--newer <time>", "put or patched since then: 2h, 7d or 2024-05-01T12:00Z", parseMoment)
    .option("--older <time>", "not put or patched since then", parseMoment)
    .option("--limit <count>", "at most so many", countFrom(1, Number.MAX_SAFE_INTEGER))
    .option("-l, --long", "lines as ls prints them")
    .action((prefix: string, options: FindOptions) => running((run) => find(prefix, options, run), options));
  withCache(program.command("du"))
    .description("sum up bytes and objects of sessions or applications")
    .argument("[prefix]", PREFIX, "")
    .addOption(new Option("--by <part>", "what is summed up").choices(["session", "app"]).default("session"))
    .option("--bytes", "sizes in bytes, also on a terminal")
    .action((prefix: string, options: UsageOptions) =>
      running((run) => diskUsage(prefix, options, run), options),
    );
  withCache(program.command("watch"))
    .description("print a line for each object that comes, changes or goes, until Ctrl-C")
    .argument("[prefix]", PREFIX, "")
    .addOption(new Option("-i, --interval <time>", "between two looks").argParser(parseSpan).default(2, "2s"))
    .option("--changes <count>", "end after so many changes", countFrom(1, Number.MAX_SAFE_INTEGER))
    .option("--initial", "begin with what is there")
    .action((prefix: string, options: WatchOptions) =>
      running((run) => watch(prefix, options, run), options),
    );
}

function describeKeeping(program: Command, running: Running): void {
  withCache(program.command("pin"))
    .description("keep objects from eviction")
    .argument("<prefix>", NAME)
    .option("--for <time>", "such as 1h; default: until unpin", parseSpan)
    .action((name: string, options: PinVerbOptions) => running((run) => pin(name, options, run), options));
  withCache(program.command("unpin"))
    .description("remove the pin with this name")
    .argument("<prefix>", NAME)
    .action((name: string, options: VerbOptions) => running((run) => unpin(name, options, run), options));
  withCache(program.command("expire"))
    .description("say how long objects are served")
    .argument("<prefix>", NAME)
    .option("--in <time>", "such as 1h or 7d: from now, of a session or application from each put", parseSpan)
    .option("--never", "without end")
    .action((name: string, options: ExpireVerbOptions) =>
      running((run) => expire(name, options, run), options),
    );
}

function describeServer(program: Command, running: Running): void {
  withCache(program.command("ping"))
    .description("ask whether the server answers, and how fast")
    .addOption(new Option("-c, --count <count>", "calls").argParser(countFrom(1, 1_000_000)).default(1))
    .action((options: PingOptions) => running((run) => ping(options, run), options));
  withCache(program.command("info"))
    .description("show what the server holds and offers")
    .action((options: VerbOptions) => running((run) => info(options, run), options));
  withCache(program.command("bench"))
    .description("measure puts and gets of objects of one size, which are deleted in the end")
    .addOption(new Option("--size <size>", "of a value").argParser(parseSize).default(BENCH_SIZE, "64K"))
    .addOption(new Option("--count <count>", "objects").argParser(countFrom(1, 1_000_000)).default(1000))
    .addOption(new Option("--concurrency <count>", "calls at once").argParser(countFrom(1, 256)).default(8))
    .action((options: BenchOptions) => running((run) => bench(options, run), options));
  withCache(program.command(COMPLETE_KEYS, { hidden: true }))
    .argument("[word]", "as far as it is typed", "")
    .action((word: string, options: VerbOptions) =>
      running((run) => completeKeys(word, options, run), options),
    );
}
