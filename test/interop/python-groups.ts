/**
 * The cases of test/interop/python as vitest sees them: groups with named cases, run by one Python process each.
 *
 * A group runs against a server of its own for each storage it names; its results come as JSON lines and settle the
 * promise of each case as they come. A process that ends early fails what it had not run yet, with what it wrote.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { campaign } from "../support/campaign.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { SERVER_COMMAND, type ServerOptions, startServer, type TestServer } from "../support/start-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../support/temporary-directory.ts";

const RUNNER = fileURLToPath(new URL("python/runner.py", import.meta.url));

interface ListedGroup {
  readonly group: string;
  /** `files` and `none` mean a server started here, `own` that the cases start theirs. */
  readonly storages: readonly ("files" | "none" | "own")[];
  /** Runs in `npm run test:slow` only. */
  readonly isCampaign: boolean;
  readonly cases: readonly string[];
}

export interface CaseResult {
  readonly name: string;
  readonly status: "passed" | "failed" | "skipped";
  readonly seconds: number;
  /** The traceback of a failure, the reason of a skip. */
  readonly detail: string;
}

/** Throws for a failed case: its own traceback, and no stack of ours. */
export function throwFailureOf(result: CaseResult): void {
  if (result.status !== "failed") return;
  const error = new Error(result.detail.trim().split("\n").at(-1) ?? "failed without a word");
  error.stack = result.detail;
  throw error;
}

/** Says loudly that nothing of this is tested; hooks do not run where every test is skipped. */
export function tellAbsence(reason: string | undefined): void {
  if (reason === undefined) return;
  const line = "!".repeat(80);
  process.stdout.write(`\n${line}\ninterop: 0 TESTS RAN WITH PYARROW, ALL ARE SKIPPED: ${reason}\n${line}\n`);
}

/**
 * The groups with the storages they run on: each group on its first one, or, where campaigns run whole, all of them on all.
 * Empty without Python.
 * @param environment for the processes; `INTEROP_FOLDER` names the folder whose groups/ are meant instead of those here.
 */
export function listGroupRuns(
  python: string | undefined,
  environment: Readonly<Record<string, string>> = {},
): GroupRun[] {
  const groups = listed(python, environment);
  const slice = groups
    .filter(({ isCampaign }) => !isCampaign)
    .map((group) => ({ ...group, storages: group.storages.slice(0, 1) }));
  return campaign({ slice, whole: groups }).flatMap((group) =>
    group.storages.map((storage) => new GroupRun(python!, group, { storage, environment })),
  );
}

interface GroupSetting {
  readonly storage: "files" | "none" | "own" | "bucket";
  readonly environment: Readonly<Record<string, string>>;
  /** Of storage `bucket`. */
  readonly server?: ServerOptions;
}

/**
 * The groups whose cases need no storage of their own, each against the same kind of server.
 * @param server starts a server over a bucket
 */
export function listBucketRuns(
  python: string | undefined,
  groups: readonly string[],
  { environment = {}, server }: { environment?: GroupSetting["environment"]; server: ServerOptions },
): GroupRun[] {
  return listed(python, environment)
    .filter(({ group }) => groups.includes(group))
    .map((group) => new GroupRun(python!, group, { storage: "bucket", environment, server }));
}

function listed(python: string | undefined, environment: GroupSetting["environment"]): ListedGroup[] {
  if (python === undefined) return [];
  const env = cleanEnvironment({ PYTHONDONTWRITEBYTECODE: "1", ...environment });
  return JSON.parse(execFileSync(python, [RUNNER, "--list"], { encoding: "utf8", env })) as ListedGroup[];
}

/** One group on one storage: start, ask for each result, stop. */
export class GroupRun {
  readonly title: string;
  readonly cases: readonly string[];
  readonly #python: string;
  readonly #group: string;
  readonly #storage: GroupSetting["storage"];
  readonly #environment: GroupSetting["environment"];
  readonly #bucketServer: ServerOptions | undefined;
  readonly #results: Results;
  #directory: TemporaryDirectory | undefined;
  #server: TestServer | undefined;
  #process: ChildProcess | undefined;

  constructor(python: string, { group, cases }: ListedGroup, setting: GroupSetting) {
    const { storage, environment, server } = setting;
    const place = { files: "files", none: "memory", own: "own servers", bucket: "a bucket" }[storage];
    this.#bucketServer = server;
    this.title = `${group.replaceAll("_", " ")} (${place})`;
    this.cases = cases;
    this.#python = python;
    this.#group = group;
    this.#storage = storage;
    this.#environment = environment;
    this.#results = new Results(cases);
  }

  async start(): Promise<void> {
    const handed: Record<string, string> = {
      INTEROP_COMMAND: JSON.stringify(SERVER_COMMAND),
      PYTHONUNBUFFERED: "1",
      PYTHONDONTWRITEBYTECODE: "1",
      ...this.#environment,
    };
    this.#directory = temporaryDirectory("interop");
    handed.FLAME_HOME = this.#directory.path;
    if (this.#storage !== "own") {
      const storage = this.#storage === "none" ? "none" : join(this.#directory.path, "storage");
      this.#server = await startServer(this.#bucketServer ?? { storage });
      handed.INTEROP_ENDPOINT = this.#server.endpoint;
      handed.INTEROP_PID = `${this.#server.pid}`;
      if (this.#storage === "files") handed.INTEROP_STORAGE = storage;
    }
    this.#process = this.#run(cleanEnvironment(handed));
  }

  #run(env: Record<string, string>): ChildProcess {
    // A group of its own, so that servers which cases started end with it.
    const child = spawn(this.#python, [RUNNER, "--run", this.#group], {
      env,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const errors: string[] = [];
    child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
    createInterface(child.stdout).on("line", (line) => this.#results.settle(JSON.parse(line) as CaseResult));
    child.once("close", (code, signal) =>
      this.#results.end(`Python ended with ${signal ?? code} and wrote:\n${errors.join("").slice(-4000)}`),
    );
    return child;
  }

  result(name: string): Promise<CaseResult> {
    return this.#results.of(name);
  }

  async stop(): Promise<void> {
    const child = this.#process;
    if (child?.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      process.kill(-child.pid, "SIGKILL");
      await ended;
    }
    await this.#server?.stop();
    this.#directory?.remove();
  }
}

/** Results by case, for whoever asks before or after they come. */
class Results {
  readonly #waiting = new Map<string, (result: CaseResult) => void>();
  readonly #results: ReadonlyMap<string, Promise<CaseResult>>;

  constructor(cases: readonly string[]) {
    this.#results = new Map(
      cases.map((name) => [name, new Promise<CaseResult>((resolve) => this.#waiting.set(name, resolve))]),
    );
  }

  of(name: string): Promise<CaseResult> {
    const result = this.#results.get(name);
    if (result === undefined) throw new Error(`no case is called ${name}`);
    return result;
  }

  settle(result: CaseResult): void {
    this.#waiting.get(result.name)?.(result);
    this.#waiting.delete(result.name);
  }

  /** No more will come. */
  end(reason: string): void {
    for (const name of [...this.#waiting.keys()]) {
      this.settle({ name, status: "failed", seconds: 0, detail: reason });
    }
  }
}
