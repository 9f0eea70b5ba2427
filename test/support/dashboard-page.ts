/**
 * The dashboard in a real browser without a window: Debian's Chromium, driven by playwright-core.
 *
 * A page records what it asks for and what goes wrong in it, so that each test can say that nothing did.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, expect, onTestFinished } from "vitest";
import { builtDoor } from "./built-package.ts";

export const CHROMIUM = process.env.CHROMIUM_PATH ?? "/usr/bin/chromium";
export const HAS_CHROMIUM = existsSync(CHROMIUM);

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SERIOUS = ["serious", "critical"];

export function launchBrowser(): Promise<Browser> {
  // The sandbox of Chromium does not start for root.
  const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath: CHROMIUM, args });
}

export interface WatchedPage {
  readonly page: Page;
  /** Addresses that it asked for. */
  readonly requests: readonly string[];
  /** Errors of scripts and violations of its policy. */
  readonly errors: readonly string[];
}

async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
  const page = await browser.newPage(options);
  const requests: string[] = [];
  const errors: string[] = [];
  page.on("request", (request) => void requests.push(request.url()));
  page.on("pageerror", (error) => void errors.push(error.message));
  page.on("console", (message) => {
    // A refused call is logged by the browser; the page shows it.
    if (message.type() === "error" && !/status of \d+/.test(message.text())) errors.push(message.text());
  });
  await page.addInitScript(AXE);
  return { page, requests, errors };
}

/** In a title, so that a run without a browser says why. */
export const BROWSER = HAS_CHROMIUM
  ? "a browser"
  : `a browser (skipped: there is no Chromium at ${CHROMIUM})`;

/** A loaded machine takes its time; a failure takes all of this. */
export const eventually = <Value>(read: () => Value) => expect.poll(read, { timeout: 30_000 });

export type OpenDashboard = (url: string, options?: BrowserContextOptions) => Promise<WatchedPage>;

/** A browser for the tests of a file. @returns opens a page, which is closed after its test. */
export function useBrowser(): OpenDashboard {
  let browser: Browser | undefined;
  beforeAll(async () => {
    await builtDoor();
    browser = HAS_CHROMIUM ? await launchBrowser() : undefined;
  });
  afterAll(async () => {
    await browser?.close();
  });
  return async (url, options) => {
    const opened = await openPage(browser!, options);
    onTestFinished(() => opened.page.close());
    await opened.page.goto(url);
    return opened;
  };
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string;
    readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
  }[];
}

/** What axe-core finds that is serious or critical, one line each. */
export async function axeFindings(page: Page): Promise<string[]> {
  const { violations } = (await page.evaluate("axe.run(document)")) as AxeResult;
  return violations
    .filter(({ impact }) => SERIOUS.includes(impact))
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html} ${failureSummary}`));
}
