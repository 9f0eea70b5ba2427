/**
 * The commands of docs/tls.md, run as they stand in the order of the page: files are written, servers started, clients answered.
 *
 * Only the ports differ, so that tests can run side by side. A server runs until the next one starts. The keys of the identity
 * provider and a token of it are made here.
 */
import { writeFileSync } from "node:fs";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PageSession } from "../support/page-session.ts";
import { pythonEnvironment } from "../support/python-environment.ts";

/** What the server logs, and a client prints, after the blocks that contain these words. */
const CONSEQUENCES: readonly { words: string; output: RegExp; log: string }[] = [
  { words: "Bearer $TOKEN", output: /"objects":\[/, log: "keys of the identity provider read" },
  { words: "echo", output: /over TLS|app\/session\/greeting/, log: "serving" },
  { words: "renewed.pem", output: /^/, log: "certificate replaced" },
  { words: "/healthz", output: /^ok$/m, log: "serving" },
  { words: "list_flights", output: /app/, log: "serving" },
  { words: "cert_chain", output: /1/, log: "serving" },
  { words: "", output: /^/, log: "" },
];

const environment = await pythonEnvironment();
const python = "python" in environment ? environment.python : "true";
const page = await PageSession.open("docs/tls.md", { python });

async function makeProvider(): Promise<string> {
  const { publicKey, privateKey } = await generateKeyPair("ES256");
  const keys = [{ ...(await exportJWK(publicKey)), kid: "1" }];
  writeFileSync(page.path("keys.json"), JSON.stringify({ keys }));
  return await new SignJWT({ sub: "service-account-7" })
    .setProtectedHeader({ alg: "ES256", kid: "1" })
    .setIssuer("https://issuer.example.org")
    .setAudience("flame-object-cache")
    .setExpirationTime("1h")
    .sign(privateKey);
}

describe.skipIf("missing" in environment && process.env.CI !== "true")("the page about TLS", () => {
  beforeAll(async () => {
    await page.run({ language: "sh", text: `export TOKEN=${await makeProvider()}`, shown: [] });
  });

  afterAll(() => page.close());

  test.each(page.blocks.map((block, index) => [index + 1, block] as const))(
    "does in block %i what it says",
    async (_, block) => {
      const { output, log } = CONSEQUENCES.find(({ words }) => block.text.includes(words))!;
      expect((await page.run(block)).join("\n")).toMatch(output);
      await page.logged(log);
    },
  );

  test("has blocks of every kind", () => {
    expect(new Set(page.blocks.map(({ language }) => language)).size).toBe(3);
    expect(page.blocks.filter(({ text }) => text.startsWith("flame-object-cache serve"))).toHaveLength(4);
  });
});
