/**
 * The dashboard in a real browser, over real servers: what it shows and what it changes.
 *
 * Needs a build. Without a Chromium (CHROMIUM_PATH, or where Debian has it) the tests are reported as skipped.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { tableFromArrays, tableToIPC } from "@uwdata/flechette";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { putOver, putSamples, SAMPLES } from "../support/dashboard-objects.ts";
import { axeFindings, BROWSER, eventually, HAS_CHROMIUM, useBrowser } from "../support/dashboard-page.ts";
import { serverConfig } from "../support/in-process-server.ts";

const ADMIN = { scheme: "http", host: "127.0.0.1", port: 0 } as const;
const PAGE = fileURLToPath(new URL("../../dist/dashboard", import.meta.url));
const GZIPPED_BYTES_MAX = 150 * 1024;

const open = useBrowser();

describe("the built dashboard", () => {
  it("has at most 150 KB gzipped in total, and names no other host", () => {
    const names = readdirSync(PAGE, { recursive: true, encoding: "utf8" });
    const files = names.filter((name) => /\.(html|js|css|svg)$/.test(name)).map((name) => join(PAGE, name));
    const sizes = files.map((file) => gzipSync(readFileSync(file)).length);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThanOrEqual(GZIPPED_BYTES_MAX);
    const html = readFileSync(join(PAGE, "index.html"), "utf8");
    expect(html).not.toMatch(/https?:/);
    expect(html).not.toMatch(/<script(?![^>]*\bsrc=)|<style|\son\w+=/);
  });
});

describe.skipIf(!HAS_CHROMIUM)(`the dashboard of a server without access rules, in ${BROWSER}`, () => {
  let server: RunningCache;
  let admin: string;

  beforeAll(async () => {
    server = await startServer(serverConfig(undefined, { admin: ADMIN }));
    admin = server.admin!;
    await putSamples(admin);
  });
  afterAll(() => server.stop());

  const show = (key: string) => open(`${admin}/#/object/${key}`);

  it("loads from its own host alone, without errors, and shows what the cache holds", async () => {
    const { page, requests, errors } = await open(admin);
    await page.getByText("live", { exact: true }).waitFor();
    await page.locator(".tile", { hasText: "Objects" }).getByText(String(SAMPLES.length)).waitFor();
    for (const name of ["Objects", "Why", "Configuration", "Log"]) {
      await page.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { level: 1, name }).waitFor();
    }
    expect(requests.filter((url) => !url.startsWith(admin))).toEqual([]);
    expect(errors).toEqual([]);
  });

  it("shows new calls without a reload", async () => {
    const { page } = await open(admin);
    const row = page
      .getByRole("region", { name: "Methods" })
      .getByRole("row", { name: /GET \/v1\/objects\/:app/ });
    const reads = async () => Number((await row.locator("td").first().textContent()) ?? "0");
    await fetch(`${admin}/v1/objects/train/run-001/config`);
    await row.waitFor();
    const before = await reads();
    for (let count = 0; count < 5; count += 1) await fetch(`${admin}/v1/objects/train/run-001/config`);
    await eventually(reads).toBeGreaterThanOrEqual(before + 5);
  });

  it("shows the schema and the first rows of a table", async () => {
    const { page, errors } = await show("features/batch-001/users");
    await page.getByText("6 columns").waitFor();
    const table = page.getByRole("region", { name: "First rows of the table" });
    await table.getByRole("columnheader", { name: /^user_id/ }).waitFor();
    await table.getByRole("row", { name: /^100001 fr/ }).waitFor();
    expect(await table.locator("tbody tr").count()).toBe(50);
    expect(errors).toEqual([]);
  });

  it.each([
    ["JSON", "config", '"learning_rate": 0.0003'],
    ["text", "notes", "first line"],
    ["bytes", "blob", "00 01 02 03"],
    ["a pickle, without decoding it", "pickle", "A pickled Python value"],
  ])("shows %s", async (_, name, text) => {
    const { page, errors } = await show(`train/run-001/${name}`);
    await page.locator(".preview").getByText(text).first().waitFor();
    expect(errors).toEqual([]);
  });

  it("shows the shape and a picture of a tensor", async () => {
    const { page } = await show("train/run-001/policy-map");
    await page.getByText("float32 · 96 × 96").waitFor();
    const picture = page.getByRole("img", { name: /Picture of the 96 × 96 array/ });
    await picture.waitFor();
    const colours = await page.evaluate(`(() => {
      const canvas = document.querySelector(".tensor canvas");
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return new Set(new Uint32Array(data.buffer)).size;
    })()`);
    expect(colours).toBeGreaterThan(50);
  });

  it.each(["features/batch-001/users", "train/run-001/notes", "train/run-001/config"])(
    "makes no element of markup in %s",
    async (key) => {
      const { page, requests } = await show(key);
      await page.locator(".preview").getByText("<img src=x").first().waitFor();
      expect(await page.locator(".preview img, .preview script, .preview a").count()).toBe(0);
      expect(await page.title()).toContain(key);
      expect(requests.filter((url) => url.endsWith("/x"))).toEqual([]);
    },
  );

  it("gives up a table that cannot be decoded, and stays usable", async () => {
    const stream = tableToIPC(tableFromArrays({ id: Int32Array.from([1, 2, 3]) }), {})!;
    // Decoders work for minutes on this offset.
    stream[36]! ^= 0x40;
    const key = "train/run-001/endless";
    await putOver(`${admin}/v1/objects/${key}`, Buffer.concat([Buffer.from("FLM\u0002"), stream]), {
      "content-type": "application/octet-stream",
    });
    const { page } = await show(key);
    await page.getByText("The table cannot be shown").waitFor();
    await page.getByRole("link", { name: "Objects", exact: true }).click();
    await page.getByRole("heading", { level: 1, name: "Objects" }).waitFor();
  });

  it("deletes an object only after a confirmation, and says then why it is gone", async () => {
    const key = "train/run-002/old";
    await putOver(`${admin}/v1/objects/${key}`, Buffer.from("old"), {});
    const { page } = await show(key);
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog", { name: "Delete this object?" }).waitFor();
    await page.keyboard.press("Escape");
    expect((await fetch(`${admin}/v1/objects/${key}`)).status).toBe(200);
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await page.getByText("The object was deleted.").waitFor();
    expect((await fetch(`${admin}/v1/objects/${key}`)).status).toBe(404);
    await page.getByRole("link", { name: "Why", exact: true }).last().click();
    await page.getByText("not in the cache").waitFor();
    await page.getByRole("listitem").filter({ hasText: "deleted" }).waitFor();
  });

  it("pins and unpins an object", async () => {
    const { page } = await show("train/run-001/config");
    for (const [action, fact] of [
      ["Pin", "yes: it is not evicted"],
      ["Unpin", "no"],
    ] as const) {
      await page.getByRole("button", { name: action, exact: true }).click();
      await page.getByRole("dialog").getByRole("button", { name: action, exact: true }).click();
      await page.getByRole("definition").filter({ hasText: fact }).waitFor();
    }
  });

  it("explains a key that was never there", async () => {
    const { page } = await open(`${admin}/#/why`);
    await page.getByRole("searchbox", { name: "Key of an object" }).fill("train/run-001");
    await page.getByRole("button", { name: "Explain" }).click();
    await page.getByText("A key has three parts").waitFor();
    await page.getByRole("searchbox", { name: "Key of an object" }).fill("train/run-001/never");
    await page.keyboard.press("Enter");
    await page.getByText("not in the cache").waitFor();
  });

  it("shows the source of a setting", async () => {
    const { page } = await open(`${admin}/#/config`);
    await page.getByRole("searchbox", { name: "Filter settings" }).fill("durability");
    await page.getByRole("row", { name: /cache\.durability\s+restart/ }).waitFor();
    expect(await page.getByRole("row").count()).toBe(2);
  });

  it("is reached by keyboard: the first key press offers to skip the navigation", async () => {
    const { page } = await open(admin);
    await page.getByRole("heading", { level: 1, name: "Overview" }).waitFor();
    await page.keyboard.press("Tab");
    expect(await page.evaluate("document.activeElement.textContent")).toBe("Skip to the content");
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("main");
  });

  it.each(["light", "dark"] as const)(
    "has nothing serious for axe-core on any view, %s",
    async (colorScheme) => {
      const { page } = await open(admin, { colorScheme, reducedMotion: "reduce" });
      const views: readonly (readonly [address: string, ready: string])[] = [
        ["#/", ".chart-value"],
        ["#/objects/train/run-001", ".tree-object"],
        ["#/object/features/batch-001/users", ".cells td"],
        ["#/object/train/run-001/config", ".json-name"],
        ["#/object/train/run-001/policy-map", ".tensor canvas"],
        ["#/why/train/run-001/config", ".events li"],
        ["#/config", ".settings td"],
        ["#/log", ".log"],
      ];
      for (const [address, ready] of views) {
        await page.goto(`${admin}/${address}`);
        await page.locator(ready).first().waitFor();
        expect({ address, found: await axeFindings(page) }).toEqual({ address, found: [] });
      }
      await page.goto(`${admin}/#/object/train/run-001/config`);
      await page.getByRole("button", { name: "Delete" }).click();
      expect(await axeFindings(page)).toEqual([]);
    },
  );

  it.each([
    [1280, 800],
    [390, 844],
  ])("fits into %d x %d without scrolling to the side", async (width, height) => {
    const { page } = await open(admin, { viewport: { width, height } });
    for (const address of [
      "#/",
      "#/objects",
      "#/object/features/batch-001/users",
      "#/why",
      "#/config",
      "#/log",
    ]) {
      await page.goto(`${admin}/${address}`);
      await page.getByRole("heading", { level: 1 }).waitFor();
      const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
      expect({ address, overflow }).toEqual({ address, overflow: 0 });
    }
  });

  it("follows the system's theme until the user chooses one", async () => {
    const { page } = await open(admin, { colorScheme: "light" });
    const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await background();
    await page.emulateMedia({ colorScheme: "dark" });
    await page.locator(':root[data-theme="dark"]').waitFor();
    expect(await background()).not.toBe(light);
  });

  it("remembers the theme that the user chose", async () => {
    const { page } = await open(admin, { colorScheme: "light" });
    const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    const light = await background();
    await page.getByRole("button", { name: /^System theme/ }).click();
    await page.getByRole("button", { name: /^Light theme/ }).click();
    expect(await background()).not.toBe(light);
    await page.reload();
    await page.getByRole("button", { name: /^Dark theme/ }).waitFor();
    expect(await background()).not.toBe(light);
  });
});
