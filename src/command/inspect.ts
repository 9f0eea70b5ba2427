/**
 * `inspect FILE`: prints the contents of one object file: kind, version, sizes, schema, blocks.
 *
 * Reads the footer, the schema and the headers of blocks, but not the bodies; `verify` checks
 * those. A file that only the log of its storage directory has is read there; for a storage
 * directory itself, these are listed. Works with any Arrow IPC file. A file that another program
 * wrote has the version in its metadata, or 1. For a file in quarantine, the reason is printed first.
 */
import { stat } from "node:fs/promises";
import { relative, resolve } from "node:path";
import { FILE_MAGIC } from "../arrow/footer.ts";
import { decodeMessage } from "../arrow/message.ts";
import { type ArrowField, decodeSchema } from "../arrow/schema.ts";
import { CacheError, isCacheError } from "../errors.ts";
import { escapeInvisible } from "../log-format.ts";
import type { ByteSource } from "../object/byte-sink.ts";
import { readBlockHeader, type StoredObject } from "../object/stored-blocks.ts";
import { readStoredObject } from "../object/stored-object.ts";
import { isStorageDirectory } from "../storage/disk/disk-survey.ts";
import { storageDirectoryOf, surveyLog } from "../storage/disk/log/survey-log.ts";
import { readReason } from "../storage/disk/quarantine-reason.ts";
import { openSurveyFile, type SurveyFile } from "../storage/disk/survey-file.ts";
import type { CommandContext } from "./command-context.ts";
import type { ExitName } from "./exit-codes.ts";
import { describeDamage } from "./verify.ts";

type Output = Pick<CommandContext, "stdout" | "stderr">;

export async function inspect(path: string, { stdout, stderr }: Output): Promise<ExitName> {
  const fail = (text: string, outcome: ExitName): ExitName => {
    stderr.write(`${escapeInvisible(`${path}: ${text}`)}\n`);
    return outcome;
  };
  const print = (text: string): unknown => stdout.write(`${escapeInvisible(text)}\n`);
  let file: SurveyFile | undefined;
  try {
    if (isStorageDirectory(path)) return await listLogged(path, { stdout, stderr });
    const logged = await readFromLog(path);
    if (logged === "removed") return fail("is removed: the log says so", "noInput");
    if (logged !== undefined) {
      print("log       only the log has this object: its file is written soon, or after the next start");
      await printObject(logged, print);
      return "ok";
    }
    file = await openSurveyFile(path);
    if (file === undefined) return fail(await describeMissing(path), "noInput");
    const why = await readReason(path);
    if (why !== undefined) print(`quarantine since ${why.time}: ${why.reason}`);
    if (why !== undefined) print(`  undo    ${why.undo}`);
    await printObject(file, print);
    return "ok";
  } catch (error) {
    return fail(describeDamage(error), isCacheError(error, "STORAGE_IO") ? "noInput" : "damaged");
  } finally {
    file?.close();
  }
}

async function printObject(source: ByteSource, print: (text: string) => unknown): Promise<void> {
  const object = await readStoredObject(source, "either");
  if (object === undefined) throw new CacheError("OBJECT_CORRUPT", await describeFooterless(source));
  for await (const line of describeObject(object, source.sizeBytes)) print(line);
}

/** Undefined: the log does not decide what the name holds. */
async function readFromLog(path: string): Promise<ByteSource | "removed" | undefined> {
  const file = resolve(path);
  const root = storageDirectoryOf(file);
  if (root === undefined) return undefined;
  const survey = await surveyLog(root);
  try {
    const name = relative(root, file);
    if (survey?.decides(name) !== true) return undefined;
    const logged = survey.find(name);
    return logged === undefined ? "removed" : logged.read();
  } finally {
    await survey?.close();
  }
}

async function listLogged(directory: string, { stdout, stderr }: Output): Promise<ExitName> {
  const survey = await surveyLog(directory);
  const objects = survey?.objects ?? [];
  for (const { path, sizeBytes } of objects)
    stdout.write(`${escapeInvisible(`${path}: only in the log, ${sizeBytes} bytes`)}\n`);
  await survey?.close();
  stderr.write(`${objects.length} files only in the log; \`verify\` reads every object file\n`);
  return "ok";
}

async function describeMissing(path: string): Promise<string> {
  const status = await stat(path).catch(() => undefined);
  if (status === undefined) return "no such file";
  if (status.isDirectory()) return "is a directory, not a file; `verify` reads every object file below it";
  return "is not a regular file";
}

/** A file that was cut off still begins like an Arrow file; any other was never one. */
async function describeFooterless(file: ByteSource): Promise<string> {
  const head = await file.read(0, Math.min(FILE_MAGIC.length, file.sizeBytes));
  if (FILE_MAGIC.subarray(0, head.length).equals(head)) return "the file is incomplete: it has no footer";
  return "not an Arrow IPC file: it does not begin with ARROW1";
}

async function* describeObject(object: StoredObject, fileSizeBytes: number): AsyncGenerator<string> {
  const isOwn = object.checksum.length > 0;
  yield `kind      ${object.kind}`;
  yield `version   ${object.version}`;
  yield `rows      ${object.rowCount}`;
  yield `data      ${object.dataBytes} bytes`;
  yield `file      ${fileSizeBytes} bytes`;
  yield `written   ${isOwn ? "by the cache, with checksum" : "by another program, without checksum"}`;
  yield "schema";
  const schema = decodeSchema(object.schemaHeader);
  for (const field of schema.fields) yield* describeField(field, 1);
  for (const [key, value] of schema.metadata)
    yield `  metadata ${JSON.stringify(key)} = ${JSON.stringify(value)}`;
  yield "blocks";
  for (const { position, sizeBytes } of object.dataRanges) {
    yield `  value at ${position}: ${sizeBytes} bytes, compression ${object.codec?.name ?? "none"}`;
  }
  for (const { block, appMetadata } of object.batches) {
    const message = decodeMessage(await readBlockHeader(object.source, block));
    const what = message.kind === "dictionaryBatch" ? `dictionary ${message.dictionaryId}` : "batch";
    const rows =
      message.kind === "schema"
        ? ""
        : ` ${message.batch.rowCount} rows, compression ${message.batch.compression},`;
    const extra = appMetadata.length === 0 ? "" : `, ${appMetadata.length} bytes of app_metadata`;
    yield `  ${what} at ${block.position}:${rows} header ${block.metadataSizeBytes}, body ${block.bodySizeBytes} bytes${extra}`;
  }
}

function* describeField(field: ArrowField, depth: number): Generator<string> {
  const encoding = field.dictionary ? `dictionary<${field.dictionary.indexType.name}> of ` : "";
  const nullable = field.nullable ? "" : " not null";
  yield `${"  ".repeat(depth)}${JSON.stringify(field.name)} ${encoding}${field.type.name}${nullable}`;
  for (const child of field.children) yield* describeField(child, depth + 1);
}
