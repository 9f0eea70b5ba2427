/**
 * Rules about who imports whom: walls between the rooms, no cycles between files, no barrels.
 *
 * They read import lines, of types too: a room that needs another room's types is not behind a wall from it.
 */
import { posix } from "node:path";
import { blanked } from "./blanked.ts";
import { isCode, isProduct, type Rule, type SourceFile } from "./source-tree.ts";

const LEAVES = [
  "busy-poll",
  "errors",
  "limits",
  "transport-limits",
  "client-limits",
  "journal-limits",
  "s3-limits",
  "service-limits",
  "storage-s3-limits",
  "log",
  "log-format",
  "metrics",
  "loop-turns",
  "thread-entries",
  "turns",
];

/** What each room may import besides the leaves and itself. A file directly in src/ is a room of its own. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  index: ["service", "object", "config"],
  cli: ["command", "service", "config"],
  // The verb token writes the access file, whose tokens and passwords access/ makes.
  command: ["access", "service", "client", "storage", "object", "arrow", "flight", "grpc", "config"],
  // It opens the bucket of storage s3, with the credentials of the environment.
  service: [
    "access",
    "cache",
    "storage",
    "s3",
    "eviction",
    "object",
    "arrow",
    "flight",
    "grpc",
    "relay",
    "config",
  ],
  access: ["cache", "object", "grpc", "config"],
  client: ["flight", "grpc", "object", "arrow", "config"],
  cache: ["storage", "eviction", "object", "arrow"],
  storage: ["eviction", "object", "s3"],
  // Requests to an S3 store know no object and no storage engine.
  s3: [],
  eviction: ["object"],
  object: ["arrow"],
  arrow: [],
  flight: [],
  relay: ["grpc", "http2"],
  grpc: ["http2"],
  http2: [],
  config: [],
  log: ["log-format"],
  "log-format": ["limits"],
  limits: [
    "client-limits",
    "journal-limits",
    "s3-limits",
    "service-limits",
    "storage-s3-limits",
    "transport-limits",
  ],
  "transport-limits": [],
  "client-limits": [],
  "journal-limits": [],
  "s3-limits": [],
  "service-limits": [],
  "storage-s3-limits": [],
  // A leaf, so that each part counts its own work and none knows who reads the counts.
  metrics: ["errors"],
  errors: [],
  "thread-entries": ["errors"],
  turns: ["limits"],
  // Flight and HTTP connections share the time of one thread, and its polls.
  "busy-poll": ["limits"],
  "loop-turns": ["busy-poll", "limits"],
};

/** Files that are there to re-export: the doors of the package. */
const DOORS = ["src/index.ts", "src/client/index.ts"];

const IMPORT = /^\s*(?:import|export)\b[^;"'`]*?\bfrom\s*["']([^"']+)["']|^\s*import\s*["']([^"']+)["']/gm;
const LAZY_IMPORT = /\bimport\(\s*["']([^"']+)["']\s*\)/g;
const RE_EXPORT = /^\s*export\s+(?:type\s+)?(?:\*(?:\s+as\s+\w+)?|\{[^}]*\})\s*from\s*["'][^"']+["'];?/gm;

/** What a file imports, as written. */
export function importsOf(file: SourceFile): string[] {
  const text = blanked(file.text, { strings: true });
  return [...text.matchAll(IMPORT), ...text.matchAll(LAZY_IMPORT)].map((match) => match[1] ?? match[2] ?? "");
}

/** Paths of our own files that a file imports. */
function ownImportsOf(file: SourceFile): string[] {
  const relative = importsOf(file).filter((specifier) => specifier.startsWith("."));
  return relative.map((specifier) => posix.join(posix.dirname(file.path), specifier));
}

function roomOf(path: string): string {
  return (path.split("/")[1] ?? "").replace(/\.ts$/, "");
}

function wallsBrokenBy(file: SourceFile): string[] {
  const room = roomOf(file.path);
  const allowed = MAY_IMPORT[room];
  if (allowed === undefined) return [`${file.path} stands in a room that ARCHITECTURE does not know`];
  const leaves = LEAVES.includes(room) ? [] : LEAVES;
  return ownImportsOf(file)
    .filter((path) => ![room, ...allowed, ...leaves].includes(roomOf(path)) || !path.startsWith("src/"))
    .map((path) => `${file.path} imports ${path}`);
}

const walls: Rule = {
  title: "each room imports only the rooms it stands on",
  check: (files) => files.filter(isProduct).flatMap(wallsBrokenBy),
};

/** The first cycle found below `path`, as the list of its files. */
function cycleFrom(path: string, graph: Map<string, string[]>, done: Set<string>, trail: string[]): string[] {
  if (trail.includes(path)) return [...trail.slice(trail.indexOf(path)), path];
  if (done.has(path)) return [];
  done.add(path);
  for (const next of graph.get(path) ?? []) {
    const cycle = cycleFrom(next, graph, done, [...trail, path]);
    if (cycle.length > 0) return cycle;
  }
  return [];
}

const cycles: Rule = {
  title: "files do not import each other in a circle",
  check: (files) => {
    const graph = new Map(files.filter(isCode).map((file) => [file.path, ownImportsOf(file)]));
    const done = new Set<string>();
    const found = [...graph.keys()].map((path) => cycleFrom(path, graph, done, []));
    return found.filter((cycle) => cycle.length > 0).map((cycle) => cycle.join(" -> "));
  },
};

function isBarrel(file: SourceFile): boolean {
  const text = blanked(file.text, { strings: true });
  return text.search(RE_EXPORT) >= 0 && text.replaceAll(RE_EXPORT, "").trim() === "";
}

const barrels: Rule = {
  title: "only the doors are named index or re-export and do nothing else",
  check: (files) =>
    files
      .filter((file) => isProduct(file) && !DOORS.includes(file.path))
      .filter((file) => file.path.endsWith("/index.ts") || isBarrel(file))
      .map((file) => `${file.path} is a barrel`),
};

export const IMPORT_RULES = [walls, cycles, barrels];
