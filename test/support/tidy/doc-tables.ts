/**
 * The tables of docs/ that mirror code, rendered from the code.
 *
 * `npx tsx test/support/tidy/doc-tables.ts` writes them into the documents; the tidy test compares.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import type { AccessVerb } from "../../../src/access/access-policy.ts";
import { ERROR_TABLE } from "../../../src/errors.ts";
import { LIMITS } from "../../../src/limits.ts";
import { METRIC_FAMILIES } from "../../../src/service/admin/metrics/metrics-route.ts";
import { ACTIONS } from "../../../src/service/flight/actions.ts";
import { FLIGHT_ROWS } from "../../../src/service/flight/flight-service.ts";
import { ADMIN_ROUTES, API_ROUTES } from "../../../src/service/http-listeners.ts";

const UNITS = ["GiB", "MiB", "KiB"] as const;
const UNIT_BYTES = { GiB: 2 ** 30, MiB: 2 ** 20, KiB: 2 ** 10 } as const;
const LIMITS_FILES = [
  "limits",
  "service-limits",
  "transport-limits",
  "client-limits",
  "journal-limits",
  "s3-limits",
  "storage-s3-limits",
].map((name) => `src/${name}.ts`);

function formatBytes(value: number): string {
  for (const unit of UNITS) {
    if (value % UNIT_BYTES[unit] === 0) return `${value / UNIT_BYTES[unit]} ${unit}`;
    if ((value + 1) % UNIT_BYTES[unit] === 0) return `${(value + 1) / UNIT_BYTES[unit]} ${unit} - 1`;
  }
  return `${value} bytes`;
}

function formatLimit(name: string, value: number): string {
  if (/Bytes(Max)?$/.test(name)) return formatBytes(value);
  return /Ms(Max)?$/.test(name) ? `${value} ms` : `${value}`;
}

/** Name of each limit and the comment above it; a comment stands for the limits below it until the next one. */
function limitComments(source: string): Map<string, string> {
  const comments = new Map<string, string>();
  let comment = "";
  const table = source.slice(source.indexOf("export const "));
  for (const [, text, name] of table.matchAll(/(?:\/\*\*([\s\S]*?)\*\/\s*)?^ {2}(\w+): /gm)) {
    if (text !== undefined) comment = text.replaceAll(/\s*\n\s*\*\s*/g, " ").trim();
    comments.set(name ?? "", comment.replaceAll("|", "\\|"));
  }
  return comments;
}

function errorTable(): string {
  const rows = Object.entries(ERROR_TABLE).map(
    ([code, row]) =>
      `| ${code} | ${row.status} | ${row.httpStatus} | ${row.retryable ? "yes" : "no"} | ${row.meaning} |`,
  );
  return [
    "| code | gRPC status | HTTP status | retryable | meaning |",
    "|---|---|---|---|---|",
    ...rows,
  ].join("\n");
}

function limitTable(): string {
  const sources = LIMITS_FILES.map((file) => readFileSync(file, "utf8"));
  const comments = new Map(sources.flatMap((source) => [...limitComments(source)]));
  const rows = Object.entries(LIMITS).map(
    ([name, value]) => `| \`${name}\` | ${formatLimit(name, value)} | ${comments.get(name) ?? ""} |`,
  );
  return ["| limit | value | what it limits, and why |", "|---|---|---|", ...rows].join("\n");
}

function metricTable(): string {
  const rows = METRIC_FAMILIES.map(({ name, type, labels = [], help }) => {
    const cells = [`\`${name}\``, type, labels.map((label) => `\`${label}\``).join(", "), help];
    return `| ${cells.join(" | ")} |`;
  });
  return ["| metric | type | labels | meaning |", "|---|---|---|---|", ...rows].join("\n");
}

function formatAccess(access: readonly AccessVerb[] | "public"): string {
  if (access === "public") return "none: no credentials needed";
  return access.map((verb) => `\`${verb}\``).join(" or ") || "none";
}

function accessTable(): string {
  const calls: [string, readonly AccessVerb[] | "public"][] = [
    ...Object.entries(FLIGHT_ROWS)
      .filter(([name]) => name !== "DoAction")
      .map(([name, { access }]): [string, typeof access] => [`\`${name}\``, access]),
    ...Object.entries(ACTIONS).map(([name, { access }]): [string, AccessVerb[]] => [
      `\`DoAction\` \`${name}\``,
      [access],
    ]),
    ...[...API_ROUTES, ...ADMIN_ROUTES].map(({ method, path, access }): [string, typeof access] => [
      `\`${method} ${path}\``,
      access,
    ]),
  ];
  const rows = calls.map(([call, access]) => `| ${call} | ${formatAccess(access)} |`);
  return ["| call | verb |", "| --- | --- |", ...rows].join("\n");
}

/** Document and the table it has to hold. */
export const DOC_TABLES: readonly { path: string; table: string }[] = [
  { path: "docs/errors.md", table: errorTable() },
  { path: "docs/limits.md", table: limitTable() },
  { path: "docs/metrics.md", table: metricTable() },
  { path: "docs/access.md", table: accessTable() },
];

/** True when the document holds exactly this table, no row more. */
export function holdsTable(document: string, table: string): boolean {
  return `\n\n${document}\n\n`.includes(`\n\n${table}\n\n`);
}

function writeTables(): void {
  for (const { path, table } of DOC_TABLES) {
    const header = table.slice(0, table.indexOf("\n"));
    const document = readFileSync(path, "utf8");
    const start = document.indexOf(header);
    const end = document.indexOf("\n\n", start);
    const rest = end < 0 ? "\n" : document.slice(end);
    writeFileSync(path, document.slice(0, start) + table + rest);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeTables();
