/**
 * The compose files of this repository, read and checked: each key is one of the Compose specification that the file may use.
 *
 * A misspelled key or a value of another type throws. The schema names only what our files have; `docker compose config`,
 * where it is installed, knows the rest.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { z } from "zod";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

const duration = z.string().regex(/^(\d+(us|ms|s|m|h))+$/);
const memory = z.string().regex(/^\d+[bkmgBKMG]$/);
const command = z.array(z.string());
const bind = z.strictObject({
  type: z.literal("bind"),
  source: z.string().startsWith("./"),
  target: z.string().startsWith("/"),
  read_only: z.literal(true),
});
const health = z.strictObject({
  test: z.tuple([z.literal("CMD")]).rest(z.string()),
  interval: duration,
  timeout: duration,
  start_period: duration,
  retries: z.int().positive(),
});
const started = z.strictObject({
  condition: z.enum(["service_started", "service_healthy", "service_completed_successfully"]),
});

const service = z.strictObject({
  build: z.strictObject({ context: z.string(), target: z.string() }).optional(),
  image: z.string(),
  entrypoint: command.optional(),
  command: command.optional(),
  deploy: z.strictObject({ replicas: z.int().positive() }).optional(),
  restart: z.enum(["no", "always", "on-failure", "unless-stopped"]),
  init: z.boolean().optional(),
  stop_grace_period: duration.optional(),
  environment: z.record(z.string(), z.string()).optional(),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.union([z.string().regex(/^[a-z]+:\/[\w/-]+$/), bind])).optional(),
  networks: z.record(z.string(), z.strictObject({ aliases: z.array(z.string()) })).optional(),
  healthcheck: health.optional(),
  depends_on: z.union([z.array(z.string()), z.record(z.string(), started)]).optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()),
  security_opt: z.array(z.string()),
  mem_limit: memory,
  pids_limit: z.int().optional(),
  logging: z.strictObject({ driver: z.string(), options: z.record(z.string(), z.string()) }).optional(),
});

const composeFile = z.strictObject({
  name: z.string().optional(),
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.null()),
});

export type ComposeFile = z.infer<typeof composeFile>;
export type ComposeService = z.infer<typeof service>;

/** @throws if the file has a key or a value that is not understood. */
export function readComposeFile(path: string): ComposeFile {
  return composeFile.parse(parse(readFileSync(join(ROOT, path), "utf8")));
}

/** What `${NAME:-DEFAULT}` becomes. */
export function interpolate(text: string, variables: Readonly<Record<string, string>> = {}): string {
  return text.replaceAll(
    /\$\{(\w+):-([^}]*)\}/g,
    (_, name: string, fallback: string) => variables[name] || fallback,
  );
}

/** The environment of a service, as compose expands it. */
export function serviceEnvironment(
  { environment = {} }: ComposeService,
  variables: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const entries = Object.entries(environment).map(([name, text]) => [name, interpolate(text, variables)]);
  return Object.fromEntries(entries);
}
