/**
 * The commands of the README for operators, run as they stand: the server that they start serves the
 * holder of the token, and nobody else.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PageSession } from "../support/page-session.ts";

const page = await PageSession.open("README.md", { sections: ["Run it for others"], python: "python3" });
const endpoint = `export FLAME_CACHE_ENDPOINT=grpc://127.0.0.1:${page.ports[0]}`;
const put = "echo 1 | flame-object-cache put - --key";

async function shell(command: string): Promise<string> {
  const text = `${endpoint}\n${command} 2>&1 || echo "exit code $?"`;
  return (await page.run({ language: "sh", text, shown: [] })).join("\n");
}

let token = "";

beforeAll(async () => {
  const [line = ""] = await page.run(page.blocks[0]!);
  token = line;
});

afterAll(() => page.close());

describe("the server of the README for operators", () => {
  test("prints one token", () => {
    expect(page.blocks).toHaveLength(1);
    expect(token).toMatch(/^flame_\S+$/);
  });

  test("serves the holder of the token, as far as the rules go", async () => {
    expect(await shell(`export FLAME_CACHE_TOKEN=${token}\n${put} app/s/a`)).toContain("app/s/a version 1");
    expect(await shell(`${put} other/s/a`)).toMatch(/PERMISSION_DENIED[\s\S]*exit code 77/);
  });

  test("refuses everyone else", async () => {
    expect(await shell("unset FLAME_CACHE_TOKEN\nflame-object-cache get app/s/a")).toMatch(
      /UNAUTHENTICATED[\s\S]*exit code 77/,
    );
  });
});
