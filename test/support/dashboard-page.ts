/**
 * The dashboard in a real browser without a window: Debian's Chromium, driven by playwright-core.
 *
 * A page records what it asks for and what goes wrong in it, so that each test can say that nothing did.
 */
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

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

export async function openPage(browser: Browser, options: BrowserContextOptions = {}): Promise<WatchedPage> {
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
