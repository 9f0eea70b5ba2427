/**
 * docs/deployment.md against the repository: the files that its commands name, the verbs and options of the command, the
 * variables of compose, and the memory that it gives a container.
 *
 * The commands need an engine, systemd or a cluster, so most of them do not run here. slow/deploy-image.test.ts runs the parts of
 * the section on containers inside the image.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { readComposeFile } from "../support/compose-file.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), "utf8");
const page = read("docs/deployment.md");
const commands = [...page.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  .map((match) => match[1]!.replaceAll("\\\n", " "))
  .join("");
const { version } = JSON.parse(read("package.json"));

describe("docs/deployment.md", () => {
  test("names files of the repository", () => {
    const named = [...commands.matchAll(/(?<=\s)(?:deploy\/[\w./-]+|compose\.yaml)/g)].map(([path]) => path);
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test("names the version of the package", () => {
    const named = [...commands.matchAll(/flame-object-cache[:-](\d[\d.]*\d)/g)].map((match) => match[1]);
    expect([...new Set(named)]).toEqual([version]);
  });

  test("gives a container the memory that the image's configuration needs", () => {
    const objectsMib = Number(
      parse(read("deploy/flame-cluster.yaml")).cache.eviction.max_memory.replace("M", ""),
    );
    const limits = [...commands.matchAll(/--memory (\w+)/g)].map((match) => match[1]);
    expect(limits).toEqual([`${objectsMib + 192}m`, `${objectsMib + 192}m`]);
  });

  test("lists the variables of compose.yaml with their defaults", () => {
    const rows = [...page.matchAll(/^\| `(\w+)` \| `([^`]+)` \|/gm)].map(
      ([, name, value]) => `${name}=${value}`,
    );
    const used = [...read("compose.yaml").matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(
      ([, name, value]) => `${name}=${value}`,
    );
    expect(rows.toSorted()).toEqual(used.toSorted());
  });

  test("names the service and the volume of compose.yaml", () => {
    const { name, services, volumes } = readComposeFile("compose.yaml");
    const executed = [...commands.matchAll(/docker compose exec(?: -T)? (\S+)/g)].map((match) => match[1]!);
    expect(Object.keys(services)).toEqual(expect.arrayContaining(executed));
    expect(page).toContain(`\`${name}_${Object.keys(volumes)[0]}\``);
  });
});
