/**
 * Reads flame.yaml, which tells clients where their cluster and its cache are, in both generations.
 *
 *     generation 1: current-cluster, clusters[].{name, endpoint, cache}
 *     generation 2: current-context, contexts[].{name, cluster{endpoint, tls}, cache, ...}
 *
 * Reads only the fields that a client of the cache needs, because the file is shared with other
 * programs. A file that has both forms is read as generation 2.
 */
import { z } from "zod";
import { CacheError } from "../errors.ts";
import { formatKey } from "./config-problem.ts";
import { wrongValue } from "./pick-setting.ts";
import type { YamlFile, YamlPath } from "./yaml-file.ts";

/** The current cluster or context. Its values are unparsed text. */
export interface FlameYamlEntry {
  readonly name: string;
  readonly clusterEndpoint: string | undefined;
  readonly cacheEndpoint: string | undefined;
  readonly cacheStorage: string | undefined;
  readonly caFile: string | undefined;
  readonly zeroCopy: string | undefined;
  readonly tokenFile: string | undefined;
  readonly clientCertFile: string | undefined;
  readonly clientKeyFile: string | undefined;
  /** The location of a value: `FILE:LINE`. */
  placeOf(...path: (string | number)[]): string;
}

const optionalText = z.string({ error: "must be text" }).nullish();
const optionalSwitch = z
  .union([z.boolean(), z.string(), z.number()], { error: "must be true or false" })
  .nullish();
const mapping = <T extends z.ZodRawShape>(shape: T) => z.looseObject(shape, { error: "must be a mapping" });

const cacheShape = z
  .union(
    [
      z.string(),
      mapping({
        endpoint: optionalText,
        storage: optionalText,
        tls: mapping({ ca_file: optionalText }).nullish(),
        zero_copy: optionalSwitch,
        token_file: optionalText,
        client_cert_file: optionalText,
        client_key_file: optionalText,
      }),
    ],
    {
      error: "must be an endpoint, or a mapping of endpoint, storage and other keys",
    },
  )
  .nullish();
const nameShape = z.string({ error: "must be text" });

const entryShapes = {
  clusters: mapping({ name: nameShape, endpoint: optionalText, cache: cacheShape }),
  contexts: mapping({
    name: nameShape,
    cluster: mapping({ endpoint: optionalText }).nullish(),
    cache: cacheShape,
  }),
};

const fileShape = mapping({
  "current-cluster": optionalText,
  "current-context": optionalText,
  clusters: z.array(z.unknown(), { error: "must be a list" }).nullish(),
  contexts: z.array(z.unknown(), { error: "must be a list" }).nullish(),
});

/**
 * The current entry, or the only one; undefined if the file lists none.
 * @throws {CacheError} INVALID_CONFIG naming key, value and line.
 */
export function readFlameYaml(file: YamlFile): FlameYamlEntry | undefined {
  const root = checked(fileShape, file.value ?? {}, file, []);
  const generation = root.contexts ? "contexts" : "clusters";
  const currentKey = generation === "contexts" ? "current-context" : "current-cluster";
  const names = (root[generation] ?? []).map((entry, index) => {
    return checked(mapping({ name: nameShape }), entry, file, [generation, index]).name;
  });
  const index = currentIndex(file, { names, currentKey, current: root[currentKey] ?? undefined });
  if (index === undefined) return undefined;
  const at = [generation, index] as const;
  const raw = root[generation]?.[index];
  const entry =
    generation === "contexts"
      ? readContext(checked(entryShapes.contexts, raw, file, at))
      : checked(entryShapes.clusters, raw, file, at);
  const cache = typeof entry.cache === "string" ? { endpoint: entry.cache } : entry.cache;
  return {
    name: entry.name,
    clusterEndpoint: entry.endpoint ?? undefined,
    cacheEndpoint: cache?.endpoint ?? undefined,
    cacheStorage: cache?.storage ?? undefined,
    caFile: cache?.tls?.ca_file ?? undefined,
    zeroCopy: cache?.zero_copy?.toString(),
    tokenFile: cache?.token_file ?? undefined,
    clientCertFile: cache?.client_cert_file ?? undefined,
    clientKeyFile: cache?.client_key_file ?? undefined,
    placeOf: (...path) => file.placeOf([...at, ...path]),
  };
}

function readContext({
  name,
  cluster,
  cache,
}: z.infer<typeof entryShapes.contexts>): z.infer<typeof entryShapes.clusters> {
  return { name, endpoint: cluster?.endpoint, cache };
}

function currentIndex(
  file: YamlFile,
  {
    names,
    currentKey,
    current,
  }: { names: readonly string[]; currentKey: string; current: string | undefined },
): number | undefined {
  if (current === undefined) {
    if (names.length <= 1) return names.length === 1 ? 0 : undefined;
    throw new CacheError(
      "INVALID_CONFIG",
      `${currentKey} must name one of ${names.join(", ")} (${file.path})`,
      {
        facts: { key: currentKey, source: file.path },
      },
    );
  }
  const index = names.indexOf(current);
  if (index >= 0) return index;
  const reason =
    names.length === 0
      ? "must not be set, because the file lists no entries"
      : `must be one of ${names.join(", ")}`;
  throw wrongValue({ key: currentKey, source: file.placeOf([currentKey]) }, current, reason);
}

function checked<T>(schema: z.ZodType<T>, raw: unknown, file: YamlFile, at: YamlPath): T {
  const result = schema.safeParse(raw);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const inner = issue.path.map((step) => (typeof step === "symbol" ? String(step) : step));
  const path = [...at, ...inner];
  let value: unknown = raw;
  for (const step of inner) value = (value as Record<string | number, unknown> | undefined)?.[step];
  throw wrongValue({ key: formatKey(path) ?? "the file", source: file.placeOf(path) }, value, issue.message);
}
