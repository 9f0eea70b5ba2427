/**
 * Takes the pictures of docs/dashboard.md: `npm run build && npx tsx scripts/screenshots.mjs`, with a Chromium (CHROMIUM_PATH).
 *
 * One server has files, a small capacity and traffic, so that there is something to see; one has 100,000 objects. Look at each
 * picture before committing it.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { putOver, putSamples } from "../test/support/dashboard-objects.ts";
import { launchBrowser } from "../test/support/dashboard-page.ts";
import { serveMany } from "../test/support/large-dashboard.ts";

const OUT = "docs/images";
const TRAFFIC_MS = 75_000;
const SIZES = {
  desktop: { width: 1280, height: 800, scale: 1 },
  phone: { width: 390, height: 844, scale: 2 },
};
const ONLY = process.argv[2] ?? "";

const tokenOf = (name) => `token-of-${name}`;
const sha256 = (name) => createHash("sha256").update(tokenOf(name)).digest("hex");
const identity = (name, verbs) =>
  `  - name: ${name}\n    rules: [{allow: [${verbs}], on: ["*"]}]\n    tokens: [{id: t-${name}, sha256: "${sha256(name)}"}]\n`;
const ACCESS = `identities:\n${identity("ann", "get, put, patch, delete, list, admin")}${identity("worker-7", "get, put, list")}`;
const as = (name) => ({ authorization: `Bearer ${tokenOf(name)}` });

/** A server with objects that come, are read, and are evicted. */
async function startBusy(directory) {
  const file = join(directory, "access.yaml");
  writeFileSync(file, ACCESS);
  const args = ["--endpoint", "grpc://127.0.0.1:0", "--admin", "127.0.0.1:0", "--access-file", file];
  const child = spawn(
    process.execPath,
    ["dist/cli.js", "serve", ...args, "--storage", join(directory, "objects")],
    {
      env: {
        ...process.env,
        FLAME_HOME: directory,
        FLAME_CACHE_CAPACITY: "96M",
        FLAME_CACHE_MAX_MEMORY: "32M",
      },
      stdio: ["ignore", "ignore", "pipe"],
    },
  );
  const admin = await new Promise((resolve) => {
    let log = "";
    child.stderr.on("data", (chunk) => {
      log = (log + chunk).slice(-4096);
      const found = /"admin":"([^"]+)"/.exec(log);
      if (found !== null) resolve(found[1]);
    });
  });
  const stop = async () => {
    child.kill("SIGTERM");
    await once(child, "exit");
  };
  return { admin, stop };
}

async function makeTraffic(admin, isOver) {
  const value = Buffer.alloc(48_000, 7);
  const key = (number) =>
    `rl-train/run-${String(1 + (number % 9)).padStart(3, "0")}/rollout-${String(number).padStart(5, "0")}`;
  let puts = 0;
  const put = () => putOver(`${admin}/v1/objects/${key(puts++)}`, value, as("worker-7"));
  const get = (number) =>
    fetch(`${admin}/v1/objects/${key(number)}`, { headers: as("worker-7") }).then((r) => r.arrayBuffer());
  while (!isOver()) {
    const wave = 2 + Math.sin(Date.now() / 6_000);
    await put();
    await Promise.all(
      Array.from({ length: Math.round(4 * wave) }, () =>
        get(Math.max(0, puts - Math.ceil(Math.random() ** 3 * 900))),
      ),
    );
    await pause(12);
  }
  return key;
}

/** The earliest key that was evicted. */
async function evictedKey(admin, key) {
  for (let number = 0; ; number += 1) {
    const response = await fetch(`${admin}/v1/why/${key(number)}`, { headers: as("ann") });
    const { present, events } = await response.json();
    if (!present && events.some(({ event }) => event === "evicted")) return key(number);
  }
}

/** All pictures of one view, in pages that are open at the same time. */
async function shoot(browser, { name, url, ready, waitMs = 700, sizes = SIZES }) {
  const looks = Object.entries(sizes).flatMap(([size, look]) =>
    ["light", "dark"].map((colorScheme) => ({
      ...look,
      colorScheme,
      file: `${name}-${size}-${colorScheme}`,
    })),
  );
  const pages = await Promise.all(
    looks.map(async ({ width, height, scale, colorScheme, file }) => {
      const page = await browser.newPage({
        viewport: { width, height },
        deviceScaleFactor: scale,
        colorScheme,
      });
      await page.addInitScript(`sessionStorage.setItem("flame-cache-token", "${tokenOf("ann")}")`);
      await page.goto(url);
      await page.locator(ready).first().waitFor();
      return { page, file };
    }),
  );
  await pause(waitMs);
  for (const { page, file } of pages) {
    await page.screenshot({ path: `${OUT}/dashboard-${file}.png` });
    await page.close();
  }
}

async function shootBusy(browser) {
  const directory = mkdtempSync(join(tmpdir(), "flame-screenshots-"));
  const server = await startBusy(directory);
  const { admin } = server;
  let isOver = false;
  try {
    await putSamples(admin, as("ann"));
    for (const key of ["features/batch-001/users", "train/run-001/policy-map"]) {
      await fetch(`${admin}/v1/admin/pins/${key}`, { method: "POST", headers: as("ann") });
    }
    const traffic = makeTraffic(admin, () => isOver);
    await pause(TRAFFIC_MS / 3);
    await shoot(browser, { name: "overview", url: `${admin}/#/`, ready: ".ranking li", waitMs: TRAFFIC_MS });
    isOver = true;
    const key = await evictedKey(admin, await traffic);
    await shoot(browser, { name: "why", url: `${admin}/#/why/${key}`, ready: ".events li" });
    await shoot(browser, {
      name: "object",
      url: `${admin}/#/object/features/batch-001/users`,
      ready: ".cells td",
    });
    await shoot(browser, {
      name: "tensor",
      url: `${admin}/#/object/train/run-001/policy-map`,
      ready: ".tensor canvas",
    });
  } finally {
    isOver = true;
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

async function shootLarge(browser) {
  const large = await serveMany(100_000);
  try {
    await shoot(browser, {
      name: "objects",
      url: `${large.admin}/#/objects`,
      ready: ".tree-session",
      waitMs: 2_000,
    });
  } finally {
    await large.stop();
  }
}

mkdirSync(OUT, { recursive: true });
const browser = await launchBrowser();
try {
  if (ONLY === "" || ONLY === "large") await shootLarge(browser);
  if (ONLY === "" || ONLY === "busy") await shootBusy(browser);
} finally {
  await browser.close();
}
