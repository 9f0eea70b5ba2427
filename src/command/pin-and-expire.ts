/**
 * `pin`, `unpin` and `expire`: set how long objects stay. The server keeps the settings over
 * restarts.
 *
 * The argument is a key, `app/session` or `'app/*'`, as for `rm`.
 */
import { expireNamed, pinNamed, unpinNamed } from "../client/cache/retention-calls.ts";
import { escapeInvisible } from "../log-format.ts";
import { VerbError } from "./failure.ts";
import { jsonLine } from "./json-line.ts";
import { checkPrefix } from "./remove.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export interface PinVerbOptions extends VerbOptions {
  /** Seconds; undefined: until `unpin`. */
  readonly for?: number;
}

export interface ExpireVerbOptions extends VerbOptions {
  /** Seconds. */
  readonly in?: number;
  readonly never?: boolean;
}

export async function pin(name: string, options: PinVerbOptions, run: VerbRun): Promise<"ok"> {
  checkPrefix(name, "pin");
  const until = await pinNamed(run.open(options), name, options.for, { signal: run.signal });
  const text = until === undefined ? "until it is unpinned" : `until ${until.toISOString()}`;
  await answer(run, options, { name, until, text: `${name} pinned ${text}` });
  return "ok";
}

export async function unpin(name: string, options: VerbOptions, run: VerbRun): Promise<"ok"> {
  checkPrefix(name, "unpin");
  await unpinNamed(run.open(options), name, { signal: run.signal });
  await run.print(options.json === true ? jsonLine({ key: name }) : `${escapeInvisible(name)} unpinned\n`);
  return "ok";
}

export async function expire(name: string, options: ExpireVerbOptions, run: VerbRun): Promise<"ok"> {
  checkPrefix(name, "expire");
  if ((options.in === undefined) !== (options.never === true)) {
    throw new VerbError("usage", "expire needs either --in TIME, such as --in 1h, or --never");
  }
  const until = await expireNamed(run.open(options), name, options.in, { signal: run.signal });
  const text = until === undefined ? "never expires" : `expires at ${until.toISOString()}`;
  await answer(run, options, { name, until, text: `${name} ${text}` });
  return "ok";
}

async function answer(
  run: VerbRun,
  { json }: VerbOptions,
  { name, until, text }: { readonly name: string; readonly until: Date | undefined; readonly text: string },
): Promise<void> {
  const line = jsonLine({ key: name, until: until?.toISOString() ?? null });
  await run.print(json === true ? line : `${escapeInvisible(text)}\n`);
}
