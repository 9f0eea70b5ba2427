/**
 * A host that bundlers made one file of, with the package inside: it finds the files that threads begin in where the package is
 * installed, and says how to bundle where it is not.
 *
 * Needs a build. vite is the one that vitest brings.
 */
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { build as esbuild } from "esbuild";
import { build as viteBuild } from "vite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { builtDoor, linkPackageInto } from "../support/built-package.ts";
import { cleanEnvironment } from "../support/clean-environment.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const run = promisify(execFile);

/** Serves from this process and from a thread, with objects on disk, and reads back what it put. */
const HOST = `
import { startObjectCache, startObjectCacheThread } from "flame-object-cache";
import { FlameCache } from "flame-object-cache/client";

async function main() {
  const options = { endpoint: "grpc://127.0.0.1:0", storage: process.argv[2] };
  for (const start of [startObjectCache, startObjectCacheThread]) {
    const server = await start(options);
    const cache = await FlameCache.connect({ endpoint: server.endpoint });
    const ref = await cache.put("app", "session", { answer: 42 });
    console.log(JSON.stringify(await cache.get(ref)));
    await cache.close();
    await server.stop();
  }
}
main().catch((error) => {
  console.log(error.message);
  process.exit(3);
});
`;

const directory = temporaryDirectory("bundled");
const project = join(directory.path, "project");
const entry = join(project, "host.js");
const output = join(project, "out");

type Bundle = (file: string) => Promise<unknown>;

const withEsbuild =
  (format: "esm" | "cjs"): Bundle =>
  (outfile) =>
    esbuild({ entryPoints: [entry], outfile, bundle: true, platform: "node", format, logLevel: "silent" });

const withVite: Bundle = (file) =>
  viteBuild({
    root: project,
    configFile: false,
    logLevel: "silent",
    ssr: { noExternal: true },
    build: { ssr: entry, outDir: output, rollupOptions: { output: { entryFileNames: basename(file) } } },
  });

const BUNDLES: readonly (readonly [string, string, Bundle])[] = [
  ["esbuild as a module", "esbuild.mjs", withEsbuild("esm")],
  ["esbuild as CommonJS", "esbuild.cjs", withEsbuild("cjs")],
  ["vite", "vite.mjs", withVite],
];

/** Runs a bundle with a storage directory of its own. */
function start(file: string): Promise<{ stdout: string }> {
  const home = `${file}.home`;
  mkdirSync(home);
  const env = cleanEnvironment({ FLAME_HOME: home, RUST_LOG: "off" });
  return run(process.execPath, [file, join(home, "objects")], { env });
}

beforeAll(async () => {
  await builtDoor();
  linkPackageInto(project);
  writeFileSync(entry, HOST);
});

afterAll(() => directory.remove());

describe.each(BUNDLES)("a host bundled by %s", (_, name, bundle) => {
  it("finds its threads in the installed package, and without it says how to bundle", async () => {
    const file = join(output, name);
    await bundle(file);
    expect((await start(file)).stdout).toBe('{"answer":42}\n{"answer":42}\n');
    const alone = join(directory.path, name);
    copyFileSync(file, alone);
    await expect(start(alone)).rejects.toMatchObject({
      code: 3,
      stdout: expect.stringContaining(
        "mark the package as external (esbuild --external:flame-object-cache, vite ssr.external), and install it beside the bundle",
      ),
    });
  });
});
