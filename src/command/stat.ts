/**
 * `stat KEY`: prints all facts about one object that the server reports without sending it.
 */
import type { ArrowField } from "../arrow/schema.ts";
import { escapeInvisible } from "../log-format.ts";
import { encodeObjectRef } from "../object/object-ref.ts";
import { formatField, formatType } from "./arrow-types.ts";
import { jsonLine } from "./json-line.ts";
import { factsAsJson, fetchFacts, type ObjectFacts } from "./object-info.ts";
import { formatSize } from "./quantities.ts";
import { formatValueType, logicalTypeOf } from "./value-type.ts";
import type { VerbOptions, VerbRun } from "./verb.ts";

export async function stat(key: string, options: VerbOptions, run: VerbRun): Promise<"ok"> {
  const client = run.open(options);
  const facts = await fetchFacts(client, key, run.signal);
  const lines = [...factLines(facts)].map((line) => `${escapeInvisible(line)}\n`);
  await run.print(options.json === true ? jsonLine(allAsJson(facts)) : lines.join(""));
  return "ok";
}

function* factLines(facts: ObjectFacts): Generator<string> {
  const { key, kind, type, ref, rows, sizeBytes, schema, locations, expires, modifiedMs } = facts;
  yield `key       ${key}`;
  yield `kind      ${kind}`;
  if (type !== undefined) yield `type      ${formatValueType(type)}`;
  if (ref !== undefined) yield `version   ${ref.version}`;
  if (rows >= 0) yield `rows      ${rows}`;
  if (sizeBytes >= 0)
    yield `size      ${formatSize(sizeBytes)}${sizeBytes < 1024 ? "" : ` (${sizeBytes} bytes)`}`;
  if (modifiedMs !== undefined) yield `modified  ${new Date(modifiedMs).toISOString()}`;
  if (expires !== undefined) yield `expires   ${expires.toISOString()}`;
  for (const location of locations) yield `location  ${location}`;
  if (ref !== undefined) yield `ref       ${Buffer.from(encodeObjectRef(ref)).toString("base64")}`;
  if (kind === "opaque" || schema === undefined) return;
  yield "schema";
  for (const field of schema.fields) yield `  ${formatField(field)}`;
  for (const [name, value] of schema.metadata)
    yield `  metadata ${JSON.stringify(name)} = ${JSON.stringify(value)}`;
}

function allAsJson(facts: ObjectFacts): Record<string, unknown> {
  const { schema, kind, locations, ref } = facts;
  const common = {
    ...factsAsJson(facts),
    locations,
    ref: ref && Buffer.from(encodeObjectRef(ref)).toString("base64"),
  };
  if (kind === "opaque" || schema === undefined) return common;
  return {
    ...common,
    logicalType: logicalTypeOf(schema),
    schema: { fields: schema.fields.map(fieldAsJson), metadata: Object.fromEntries(schema.metadata) },
  };
}

function fieldAsJson(field: ArrowField): Record<string, unknown> {
  const metadata = field.metadata.length === 0 ? {} : { metadata: Object.fromEntries(field.metadata) };
  return { name: field.name, type: formatType(field), nullable: field.nullable, ...metadata };
}
