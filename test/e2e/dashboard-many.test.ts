/**
 * The dashboard of a cache with 100,000 objects, in a real browser: the tree, the search and the treemap stay usable.
 */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BROWSER, eventually, HAS_CHROMIUM, useBrowser } from "../support/dashboard-page.ts";
import { type LargeDashboard, serveMany } from "../support/large-dashboard.ts";

const MANY = 100_000;
const open = useBrowser();

describe.skipIf(!HAS_CHROMIUM)(`the dashboard of a cache with ${MANY} objects, in ${BROWSER}`, () => {
  let large: LargeDashboard;

  beforeAll(async () => {
    large = await serveMany(MANY);
  });
  afterAll(() => large.stop());

  it("counts them, and shows a session from its first row to its last", async () => {
    const { page, errors } = await open(`${large.admin}/#/objects`);
    await page.getByText("100,000 objects").waitFor();
    const tree = page.getByRole("treegrid");
    await page
      .getByRole("row", { name: /^job-001/ })
      .first()
      .click();
    await page.locator(".tree-object").first().waitFor();
    await tree.focus();
    await eventually(async () => Number(await tree.getAttribute("aria-rowcount"))).toBeGreaterThan(
      large.objects,
    );
    expect(await page.locator(".tree-line").count()).toBeLessThan(150);
    await page.keyboard.press("End");
    await eventually(() => page.locator(".tree-line.active").getAttribute("aria-rowindex")).not.toBe("2");
    await page.keyboard.press("Home");
    await eventually(() => page.locator(".tree-line.active").getAttribute("aria-rowindex")).toBe("2");
    expect(errors).toEqual([]);
  });

  it("finds an object by the beginning of its key", async () => {
    const { page } = await open(`${large.admin}/#/objects`);
    const search = page.getByRole("searchbox", { name: "Search keys by their beginning" });
    await search.fill(`${large.session}/object-04999`);
    await eventually(() => page.locator(".tree-object").count()).toBe(10);
    await page.getByRole("row", { name: /object-049991/ }).click();
    await page.getByRole("heading", { level: 1, name: /object-049991/ }).waitFor();
  });

  it("draws the treemap, and has its items as a table", async () => {
    const { page } = await open(`${large.admin}/#/objects/${large.session}`);
    await page.getByRole("img", { name: /^Treemap of/ }).waitFor();
    const colours = () =>
      page.evaluate(`(() => {
        const canvas = document.querySelector(".treemap canvas");
        const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
      })()`);
    await eventually(colours).toBeGreaterThan(4);
    await page.getByRole("button", { name: "As a table" }).click();
    const table = page.getByRole("region", { name: "Items of the treemap" });
    await eventually(() => table.locator("tbody tr").count()).toBe(200);
    await page.getByRole("button", { name: "all", exact: true }).click();
    await table.getByRole("button", { name: "features/job-001" }).click();
    await eventually(() => page.locator(".crumbs").textContent()).toContain("features");
  });
});
