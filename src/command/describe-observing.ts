/**
 * Declares the verbs that look into a running server: why, stats, top, logs.
 *
 * The counterpart of describe-verbs.ts, which declares the verbs for single objects.
 */
import { type Command, Option } from "commander";
import { LOG_LEVELS } from "../log.ts";
import { type StartVerb, withCache } from "./cache-options.ts";
import { type LogsOptions, logs } from "./logs.ts";
import { countFrom, parseSpan } from "./parse-option.ts";
import { type StatsOptions, stats } from "./stats.ts";
import { type TopOptions, top } from "./top.ts";
import type { VerbOptions } from "./verb.ts";
import { why } from "./why.ts";

const ROWS_DEFAULT = 10;
const ROWS_MAX = 100;

export function describeObserving(program: Command, startVerb: StartVerb): void {
  withCache(program.command("why"))
    .description("print why an object is here, or why it is gone, and what happened to it")
    .argument("<key>", "app/session/object")
    .action((key: string, options: VerbOptions) => startVerb((run) => why(key, options, run), options));
  withViews(withCache(program.command("stats")))
    .description("show what the server holds and does, and its bounds")
    .action((options: StatsOptions) => startVerb((run) => stats(options, run), options));
  withViews(withCache(program.command("top")))
    .description("show the keys that are read most, the largest sessions and applications")
    .addOption(
      new Option("-n, --limit <count>", "rows of each list")
        .argParser(countFrom(1, ROWS_MAX))
        .default(ROWS_DEFAULT),
    )
    .action((options: TopOptions) => startVerb((run) => top(options, run), options));
  withCache(program.command("logs"))
    .description("follow the log of the server, until Ctrl-C")
    .addOption(new Option("--level <level>", "the least severe level").choices(LOG_LEVELS).default("info"))
    .option("--lines <count>", "exit after this many lines", countFrom(1, Number.MAX_SAFE_INTEGER))
    .action((options: LogsOptions) => startVerb((run) => logs(options, run), options));
}

function withViews(command: Command): Command {
  return command
    .option("-w, --watch", "show it again and again, until Ctrl-C")
    .addOption(
      new Option("-i, --interval <time>", "time between two views").argParser(parseSpan).default(2, "2s"),
    )
    .option(
      "--count <count>",
      "with --watch: exit after this many views",
      countFrom(1, Number.MAX_SAFE_INTEGER),
    );
}
