/**
 * The dashboard of a server with access rules, in a real browser: it asks for a token, and says plainly what is denied.
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { tokenOf } from "../support/access-table.ts";
import { putSamples } from "../support/dashboard-objects.ts";
import { BROWSER, HAS_CHROMIUM, useBrowser } from "../support/dashboard-page.ts";
import { serverConfig } from "../support/in-process-server.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const ADMIN = { scheme: "http", host: "127.0.0.1", port: 0 } as const;
const open = useBrowser();

const sha256 = (name: string) => createHash("sha256").update(tokenOf(name)).digest("hex");
const ACCESS = `identities:
  - name: admin
    rules: [{allow: [get, put, patch, delete, list, admin], on: ["*"]}]
    tokens: [{id: t1, sha256: "${sha256("admin")}"}]
  - name: reader
    rules: [{allow: [list, get], on: ["features/*"]}]
    tokens: [{id: t2, sha256: "${sha256("reader")}"}]
`;

describe.skipIf(!HAS_CHROMIUM)(`the dashboard of a server with access rules, in ${BROWSER}`, () => {
  const directory = temporaryDirectory("dashboard-access");
  let server: RunningCache;

  beforeAll(async () => {
    const file = join(directory.path, "access.yaml");
    writeFileSync(file, ACCESS);
    server = await startServer(serverConfig(undefined, { admin: ADMIN, access: { file, isRequired: true } }));
    await putSamples(server.admin!, { authorization: `Bearer ${tokenOf("admin")}` });
  });
  afterAll(async () => {
    await server.stop();
    directory.remove();
  });

  async function enterToken(page: Page, name: string, isKept = false): Promise<void> {
    await page.getByRole("dialog", { name: "Access token" }).waitFor();
    await page.getByLabel("Token", { exact: true }).fill(tokenOf(name));
    await page.getByLabel("Keep it until this tab is closed").setChecked(isKept);
    await page.getByRole("button", { name: "Use this token" }).click();
  }

  it("asks for a token, asks again after a wrong one, and forgets it with the page", async () => {
    const { page } = await open(server.admin!);
    await enterToken(page, "nobody");
    await enterToken(page, "admin");
    await page.getByText("live", { exact: true }).waitFor();
    expect(await page.evaluate("JSON.stringify([{ ...sessionStorage }, { ...localStorage }])")).not.toContain(
      tokenOf("admin"),
    );
    await page.reload();
    await page.getByRole("dialog", { name: "Access token" }).waitFor();
  });

  it("keeps the token for a reload if the user wishes, and forgets it on request", async () => {
    const { page } = await open(server.admin!);
    await enterToken(page, "admin", true);
    await page.getByText("live", { exact: true }).waitFor();
    await page.reload();
    await page.getByText("live", { exact: true }).waitFor();
    await page.getByRole("button", { name: "Token in use" }).click();
    await page.getByRole("button", { name: "Forget the token" }).click();
    await page.getByRole("dialog", { name: "Access token" }).waitFor();
    expect(await page.evaluate("sessionStorage.length")).toBe(0);
  });

  it("shows a reader its own objects, and says plainly what it may not see and do", async () => {
    const { page, errors } = await open(server.admin!);
    await enterToken(page, "reader");
    await page.getByText("You may not see live statistics").waitFor();
    await page.getByRole("link", { name: "Objects", exact: true }).click();
    await page.getByText("1 objects").waitFor();
    await page.getByRole("row", { name: /batch-001/ }).click();
    await page.getByRole("row", { name: /users/ }).click();
    await page.getByText("6 columns").waitFor();
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page
      .getByRole("alert")
      .getByText(/may not delete here/)
      .waitFor();
    expect(errors).toEqual([]);
  });
});
