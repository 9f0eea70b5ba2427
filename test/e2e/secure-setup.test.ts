/**
 * docs/secure-setup.md from nothing to a protected cache: its commands run as they stand, in the
 * order of the page, and print what the page shows.
 */
import { statSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { type PageBlock, PageSession } from "../support/page-session.ts";
import { pythonEnvironment } from "../support/python-environment.ts";

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : "true";
const page = await PageSession.open("docs/secure-setup.md", { python });
/** Blocks that change the access file while the server runs, in the order of the page. */
const changes = page.blocks.filter(({ text }) =>
  /^(?:cat >> access\.yaml|flame-object-cache token (?:revoke|create .*--identity worker >))/m.test(text),
);

afterAll(() => page.close());

/** Waits until the server has read what the blocks so far have changed. */
async function changesApply(block: PageBlock): Promise<void> {
  const count = changes.indexOf(block) + 1;
  await Promise.all(count === 0 ? [] : [page.logged("access rules read again", count)]);
}

describe.skipIf("missing" in environment && process.env.CI !== "true")(
  "the page about a secure setup",
  () => {
    test.each(page.blocks.map((block, index) => [index + 1, block] as const))(
      "prints in block %i what it shows",
      async (_, block) => {
        const lines = await page.run(block);
        for (const line of block.shown) expect(lines).toContain(line);
        await changesApply(block);
      },
    );

    test("has blocks of every kind, and changes the access file three times while the server runs", () => {
      expect(new Set(page.blocks.map(({ language }) => language)).size).toBe(3);
      expect(changes).toHaveLength(3);
      expect(page.blocks.flatMap(({ shown }) => shown).length).toBeGreaterThan(12);
    });

    test.each(["access.yaml", "operator.token", "worker.token", "server.key", "authority.key"])(
      "leaves %s readable for its owner alone",
      (name) => {
        expect(statSync(page.path(name)).mode & 0o077).toBe(0);
      },
    );
  },
);
