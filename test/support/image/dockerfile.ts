/**
 * Reads a Dockerfile: stages with their instructions, as far as this repository's own file uses them.
 *
 * Anything else (heredocs, ONBUILD, SHELL, ADD, flags other than `--from`, `--chown` or those of a health check) throws, so
 * that a step is never left out in silence. Follows the Dockerfile reference of Docker: line continuations, comment lines,
 * `${NAME}` of ARG and ENV.
 */
export interface Instruction {
  readonly name: string;
  /** Behind the name, on one line. */
  readonly text: string;
}

export interface Stage {
  readonly name: string;
  /** An image, or the name of an earlier stage. */
  readonly from: string;
  readonly instructions: readonly Instruction[];
}

export interface CopyStep {
  /** The name of a stage; undefined: the build context. */
  readonly from: string | undefined;
  readonly sources: readonly string[];
  readonly target: string;
}

const KNOWN = new Set([
  ..."ARG CMD COPY ENTRYPOINT ENV EXPOSE FROM HEALTHCHECK LABEL RUN STOPSIGNAL USER VOLUME WORKDIR".split(
    " ",
  ),
]);

/** @throws if an instruction is unknown. */
export function parseDockerfile(text: string): Stage[] {
  const lines = text.split("\n").filter((line) => !/^\s*(#|$)/.test(line));
  const whole = lines.join("\n").replaceAll(/\s*\\\n\s*/g, " ");
  const stages: { name: string; from: string; instructions: Instruction[] }[] = [];
  const globals: Record<string, string> = {};
  for (const line of whole.split("\n")) {
    const [, name = "", rest = ""] = /^(\S+)\s+(.*)$/.exec(line.trim()) ?? [];
    if (!KNOWN.has(name) || rest.includes("<<")) throw new Error(`not understood: ${line}`);
    if (name === "FROM") {
      const [, from = "", stage = ""] = /^(\S+) AS (\S+)$/.exec(rest) ?? [];
      stages.push({ name: stage, from: substitute(from, globals), instructions: [] });
    } else if (stages.length > 0) stages.at(-1)!.instructions.push({ name, text: rest });
    else if (name === "ARG") Object.assign(globals, pairsOf(rest));
    else throw new Error(`before the first stage: ${line}`);
  }
  return stages;
}

/** A stage's own instructions behind those of the stages that it begins from. */
export function instructionsOf(stages: readonly Stage[], name: string): Instruction[] {
  const stage = stages.find((each) => each.name === name);
  return stage === undefined ? [] : [...instructionsOf(stages, stage.from), ...stage.instructions];
}

/** What `docker inspect` shows of an image. */
export interface ImageConfig {
  readonly environment: Readonly<Record<string, string>>;
  readonly user: string;
  readonly directory: string;
  readonly entrypoint: readonly string[];
  readonly command: readonly string[];
  readonly healthCheck: readonly string[];
  readonly volumes: readonly string[];
  readonly ports: readonly string[];
  readonly stopSignal: string;
  readonly labels: Readonly<Record<string, string>>;
}

export function imageConfig(instructions: readonly Instruction[]): ImageConfig {
  const all = (name: string): string[] =>
    instructions.filter((each) => each.name === name).map((i) => i.text);
  const last = (name: string): string => all(name).at(-1) ?? "";
  const args = Object.assign({}, ...all("ARG").map(pairsOf)) as Record<string, string>;
  return {
    environment: Object.assign({}, ...all("ENV").map(pairsOf)),
    user: last("USER"),
    directory: last("WORKDIR"),
    entrypoint: execForm(last("ENTRYPOINT")),
    command: execForm(last("CMD")),
    healthCheck: execForm(last("HEALTHCHECK").replace(/^.*?\bCMD\s+/, "")),
    volumes: all("VOLUME").flatMap((text) => text.split(/\s+/)),
    ports: all("EXPOSE").flatMap((text) => text.split(/\s+/)),
    stopSignal: last("STOPSIGNAL"),
    labels: Object.assign({}, ...all("LABEL").map((text) => pairsOf(substitute(text, args)))),
  };
}

export function parseCopy(text: string): CopyStep {
  const words = text.split(/\s+/);
  const flags = words.filter((word) => word.startsWith("--"));
  const [from, ...others] = flags.map((flag) => /^--from=(\S+)$/.exec(flag)?.[1]);
  if (others.length > 0 || (flags.length > 0 && from === undefined))
    throw new Error(`not understood: COPY ${text}`);
  const paths = words.filter((word) => !word.startsWith("--"));
  return { from, sources: paths.slice(0, -1), target: paths.at(-1) ?? "" };
}

/** A program started by a shell would not get the signals that a container gets. */
function execForm(text: string): string[] {
  return text === "" ? [] : (JSON.parse(text) as string[]);
}

function pairsOf(text: string): Record<string, string> {
  const pairs = [...text.matchAll(/([\w.-]+)=(?:"([^"]*)"|(\S*))/g)];
  return Object.fromEntries(pairs.map(([, name, quoted, plain]) => [name, quoted ?? plain ?? ""]));
}

function substitute(text: string, values: Readonly<Record<string, string>>): string {
  return text.replaceAll(/\$\{(\w+)\}/g, (_, name: string) => values[name] ?? "");
}
