/**
 * `token create|list|revoke|password`: changes the access file that a server reads.
 *
 * A new token is printed once, on standard output; the file has only its hash. The server notices
 * the change by itself, so that the verb needs no connection to it.
 */
import { ACCESS_GRAMMAR } from "../access/access-table.ts";
import { hashPassword } from "../access/password.ts";
import { digestOf, formatDigest, makeToken } from "../access/token-digest.ts";
import { type AccessRuleEntry, readAccessFile } from "../config/access-file.ts";
import {
  accessFilePath,
  addToken,
  type EditedIdentity,
  removeToken,
  setPassword,
} from "../config/access-file-edit.ts";
import { LIMITS } from "../limits.ts";
import { escapeInvisible } from "../log-format.ts";
import { alignRows } from "./align-rows.ts";
import type { ExitName } from "./exit-codes.ts";
import { VerbError } from "./failure.ts";
import { jsonLine } from "./json-line.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export const TOKEN_STEPS = ["create", "list", "revoke", "password"] as const;

export type TokenStep = (typeof TOKEN_STEPS)[number];

export interface TokenRule extends AccessRuleEntry {
  readonly patterns: string[];
}

export interface TokenOptions extends VerbOptions {
  readonly accessFile?: string;
  readonly identity?: string;
  /** ms since 1970 */
  readonly expires?: number;
  readonly name?: string;
}

interface GivenOptions extends TokenOptions {
  readonly id: string | undefined;
  readonly rules: readonly TokenRule[];
}

export async function token(step: TokenStep, options: GivenOptions, run: VerbRun): Promise<ExitName> {
  const path = accessFilePath(options.accessFile, run.context.env);
  if ((options.id !== undefined) !== (step === "revoke")) {
    throw new VerbError(
      "usage",
      "the id of a token follows revoke, and only revoke; token list prints the ids",
    );
  }
  switch (step) {
    case "create":
      return await createToken(path, options, run);
    case "list":
      return await listTokens(path, options, run);
    case "revoke":
      return await revokeToken(path, options, run);
    case "password":
      return await changePassword(path, options, run);
  }
}

async function createToken(path: string, options: GivenOptions, run: VerbRun): Promise<ExitName> {
  const identity = identityOf(options);
  const { name, expires: expiresMs } = options;
  const text = makeToken();
  const sha256 = formatDigest(digestOf(text));
  const id = addToken(path, identity, { token: { sha256, name, expiresMs }, grammar: ACCESS_GRAMMAR });
  const expires = formatMoment(expiresMs);
  if (options.json === true) {
    await run.print(jsonLine({ id, identity: identity.name, token: text, expires: expires ?? null }));
    return "ok";
  }
  await run.print(`${text}\n`);
  run.note(
    [
      `token ${id} of ${identity.name} is in ${escapeInvisible(path)} (expires: ${expires ?? "never"}); it is shown only here`,
      `start the server:  flame-object-cache serve --access-file ${escapeInvisible(path)}`,
      'use it:  curl -H "authorization: Bearer $TOKEN" ...',
      '         pyarrow: FlightCallOptions(headers=[(b"authorization", b"Bearer " + token)])',
    ].join("\n"),
  );
  return "ok";
}

async function listTokens(path: string, { json }: GivenOptions, run: VerbRun): Promise<ExitName> {
  const { identities } = readAccessFile(path, ACCESS_GRAMMAR);
  const rows = identities.flatMap(({ name: identity, tokens }) =>
    tokens.map(({ id, name, expiresMs }) => ({
      id,
      identity,
      expires: formatMoment(expiresMs) ?? null,
      isExpired: expiresMs !== undefined && expiresMs <= Date.now(),
      name: name ?? null,
    })),
  );
  if (json === true) {
    for (const { isExpired, ...row } of rows) await run.print(jsonLine({ ...row, expired: isExpired }));
    return "ok";
  }
  const table = rows.map((row) => [
    row.id,
    row.identity,
    row.isExpired ? "expired" : (row.expires ?? "never"),
    row.name ?? "",
  ]);
  await run.print(formatTable([["ID", "IDENTITY", "EXPIRES", "NAME"], ...table]));
  return "ok";
}

async function revokeToken(path: string, { id = "", json }: GivenOptions, run: VerbRun): Promise<ExitName> {
  if (!removeToken(path, id, ACCESS_GRAMMAR)) {
    throw new VerbError("noInput", `${path} has no token ${id}; token list prints the ids`);
  }
  await run.print(json === true ? jsonLine({ id, revoked: true }) : `token ${escapeInvisible(id)} revoked\n`);
  return "ok";
}

async function changePassword(path: string, options: GivenOptions, run: VerbRun): Promise<ExitName> {
  const identity = identityOf(options);
  if (options.expires !== undefined || options.name !== undefined) {
    throw new VerbError("usage", "a password has no --expires and no --name");
  }
  const stored = await hashPassword(await readPassword(run));
  setPassword(path, identity, { stored, grammar: ACCESS_GRAMMAR });
  await run.print(
    options.json === true
      ? jsonLine({ identity: identity.name, changed: true })
      : `password of ${identity.name} changed\n`,
  );
  return "ok";
}

/** The first line of standard input. */
async function readPassword({ context: { stdin }, note }: VerbRun): Promise<string> {
  if (stdin.isTTY === true) note("type the password and press Enter; it is visible while you type");
  // A character may be divided between chunks.
  let bytes = Buffer.alloc(0);
  for await (const chunk of stdin) {
    bytes = Buffer.concat([bytes, Buffer.from(chunk)]);
    if (bytes.includes("\n") || bytes.length > LIMITS.passwordBytesMax) break;
  }
  const [password = ""] = bytes.toString().split(/\r?\n/, 1);
  if (password !== "" && Buffer.byteLength(password) <= LIMITS.passwordBytesMax) return password;
  throw new VerbError(
    "usage",
    `standard input must begin with the password, at most ${LIMITS.passwordBytesMax} bytes in one line`,
  );
}

function identityOf({ identity, rules }: GivenOptions): EditedIdentity {
  if (identity === undefined) throw new VerbError("usage", "--identity NAME must be given");
  if (rules.some(({ patterns }) => patterns.length === 0)) {
    throw new VerbError("usage", "each --allow and --deny needs --on PATTERN after it, such as --on 'app/*'");
  }
  return { name: identity, rules };
}

/** To the second. */
function formatMoment(timeMs: number | undefined): string | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs).toISOString().replace(/\.\d+/, "");
}

function formatTable(rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(escapeInvisible));
  return alignRows(cells, ["left", "left", "left", "left"])
    .map((line) => `${line.trimEnd()}\n`)
    .join("");
}
