/**
 * The welcome text of `npm start` for new users: where objects are kept, where the dashboard is,
 * and three lines of Python.
 *
 * The Python lines are not indented, so that they can be pasted into python3; a test runs them.
 */
import type { CacheConfig } from "../config/cache-config.ts";
import { formatStorage } from "../config/storage-location.ts";

/** A terminal gets this also without `--welcome`, because a user may expect objects to survive. */
export const IN_MEMORY_NOTICE =
  "Objects are kept in memory: nothing survives a stop. --storage DIRECTORY keeps them on disk.";

/** Where the server can be reached, with the actual ports. */
export interface ServedAt {
  readonly listening: string;
  /** The URL of the admin listener, if there is one. */
  readonly admin?: string | undefined;
}

export function formatWelcome(
  config: Pick<CacheConfig, "storage" | "tls">,
  { listening, admin }: ServedAt,
): string {
  const kept =
    config.storage.kind === "none"
      ? IN_MEMORY_NOTICE
      : `Objects are kept in ${formatStorage(config.storage)}`;
  return [
    "",
    kept,
    ...(admin === undefined ? [] : [`The dashboard is at ${admin}/`]),
    "Try it in python3, with pyarrow installed:",
    "",
    ...pythonLines(config, listening),
    "",
    "",
  ].join("\n");
}

/** Exactly three lines: connect, put a table, get it back. */
export function pythonLines({ tls }: Pick<CacheConfig, "tls">, endpoint: string): string[] {
  const hasTls = tls !== undefined && endpoint.startsWith("grpc+tls://");
  const roots = !hasTls ? "" : `, tls_root_certs=open(${quote(tls.certFile)}, "rb").read()`;
  return [
    `import pyarrow as pa, pyarrow.flight as fl; client = fl.connect(${quote(endpoint)}${roots}); table = pa.table({"n": [1, 2, 3]})`,
    `writer, _ = client.do_put(fl.FlightDescriptor.for_path("demo/first/table"), table.schema); writer.write_table(table); writer.close()`,
    `print(client.do_get(fl.Ticket("demo/first/table")).read_all())`,
  ];
}

/** A JSON string literal is also a Python string literal. */
function quote(text: string): string {
  return JSON.stringify(text);
}
