/**
 * `npm run test:foreign`: the built server with programs over the official Arrow Flight clients of Go, Java and Rust.
 *
 * Each program stands in test/foreign/ with its versions pinned, is built from its registry into .foreign/, and runs against a server of
 * its own. What is not installed is skipped, and said so. Arguments name the stacks: `npm run test:foreign -- go`. Ends with a
 * table, and with 1 when a program failed or could not be built. Not part of `npm test`: a first build takes minutes.
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const OUTPUT = resolve(".foreign");
const sourceOf = (name) => resolve("test/foreign", name);
const MAVEN_OUTPUT = join(OUTPUT, "java");
/** What Arrow's memory needs of Java 17. */
const JAVA_OPENS = "--add-opens=java.base/java.nio=ALL-UNNAMED";

const STACKS = [
  {
    name: "go",
    tools: [["go", "version"]],
    build: ["go", "build", "-o", join(OUTPUT, "go", "client"), "."],
    run: [join(OUTPUT, "go", "client")],
  },
  {
    name: "java",
    tools: [
      ["java", "-version"],
      ["mvn", "-version"],
    ],
    build: ["mvn", "-q", "-B", `-Dforeign.output=${MAVEN_OUTPUT}`, "compile"],
    run: [
      "java",
      JAVA_OPENS,
      "-cp",
      `${join(MAVEN_OUTPUT, "classes")}:${join(MAVEN_OUTPUT, "libraries")}/*`,
      "Client",
    ],
  },
  {
    name: "rust",
    tools: [["cargo", "--version"]],
    build: ["cargo", "build", "--locked", "--quiet", "--target-dir", join(OUTPUT, "rust")],
    run: [join(OUTPUT, "rust", "debug", "foreign")],
  },
];

/** Go is often installed where no PATH leads. */
const env = { ...process.env, PATH: `${process.env.PATH ?? ""}:/usr/local/go/bin` };

/** Why a stack cannot be tried here; undefined when it can. */
function missing({ name, tools }) {
  if (!existsSync(sourceOf(name))) return `test/foreign/${name} is not there`;
  const absent = tools.find(([command, ...args]) => spawnSync(command, args, { env }).status !== 0);
  return absent && `${absent[0]} is not installed`;
}

/** Starts the built command over a directory of its own. */
async function startServer(directory) {
  const args = ["dist/cli.js", "serve", "--endpoint", "grpc://127.0.0.1:0", "--storage", directory];
  const server = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "ignore"] });
  let text = "";
  for await (const chunk of server.stdout.iterator({ destroyOnReturn: false })) {
    text += chunk;
    const found = /^listening on grpc:\/\/(\S+)$/m.exec(text);
    if (found !== null) return { address: found[1], stop: () => server.kill("SIGTERM") };
  }
  throw new Error("the server does not start; is it built?");
}

async function runClient([command, ...args]) {
  const directory = mkdtempSync(join(tmpdir(), "foreign-"));
  const server = await startServer(directory);
  try {
    return spawnSync(command, [...args, server.address], { env, stdio: "inherit", timeout: 300_000 }).status;
  } finally {
    server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function outcomeOf(stack) {
  const reason = missing(stack);
  if (reason !== undefined) return `skipped: ${reason}`;
  process.stdout.write(`\n${stack.name}\n`);
  const [command, ...args] = stack.build;
  mkdirSync(join(OUTPUT, stack.name), { recursive: true });
  const built = spawnSync(command, args, { cwd: sourceOf(stack.name), env, stdio: "inherit" });
  if (built.status !== 0) return "FAILED to build";
  return (await runClient(stack.run)) === 0 ? "passed" : "FAILED";
}

const wanted = process.argv.slice(2);
const outcomes = [];
for (const stack of STACKS) {
  if (wanted.length === 0 || wanted.includes(stack.name)) outcomes.push([stack.name, await outcomeOf(stack)]);
}
process.stdout.write("\n");
for (const [name, outcome] of outcomes) process.stdout.write(`${name.padEnd(5)} ${outcome}\n`);
process.exitCode = outcomes.some(([, outcome]) => outcome.startsWith("FAILED")) ? 1 : 0;
