/**
 * What `npm start` runs: the built command, or one line that says what is missing and how to get it.
 *
 * `npm ci --ignore-scripts` installs the dependencies and builds nothing. The command runs in this process, so that a signal to
 * npm reaches it. A package that others install has no such file: there the command is always built.
 */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const COMMAND = new URL("../dist/cli.js", import.meta.url);

function missing() {
  if (!existsSync(new URL("../node_modules", import.meta.url)))
    return "the dependencies are not installed: run `npm ci`, then `npm start`";
  if (!existsSync(COMMAND))
    return "the command is not built (npm ran without its scripts): run `npm run build`, then `npm start`";
  return undefined;
}

const problem = missing();
if (problem === undefined) {
  process.argv[1] = fileURLToPath(COMMAND);
  await import(COMMAND.href);
} else {
  process.stderr.write(`flame-object-cache: ${problem}\n`);
  process.exitCode = 1;
}
