/**
 * The health check of the image: exits with 0 if the admin listener answers `/readyz` with 200.
 *
 * The image has no curl. FLAME_CACHE_ADMIN names the listener, by default 127.0.0.1:9091. Without a
 * scheme in it, HTTP is tried first and then HTTPS. The certificate is not checked: it names the
 * server's public host, and the answer comes from this container.
 */
import http from "node:http";
import https from "node:https";

const TIMEOUT_MS = 4_000;

const admin = process.env.FLAME_CACHE_ADMIN || "127.0.0.1:9091";
if (admin.toLowerCase() === "none") fail("there is no admin listener to ask: disable this health check");

const [, scheme, address] = /^(?:(https?):\/\/)?(.+?)\/?$/i.exec(admin);
const schemes = scheme === undefined ? ["http", "https"] : [scheme.toLowerCase()];
const failures = [];
for (const each of schemes) {
  try {
    const status = await statusOf(`${each}://${address}/readyz`);
    if (status === 200) process.exit(0);
    failures.push(`${each}: ${status}`);
  } catch (error) {
    failures.push(`${each}: ${error.message}`);
  }
}
fail(`${address} is not ready: ${failures.join(", ")}`);

function statusOf(url) {
  const { get } = url.startsWith("https:") ? https : http;
  const options = { rejectUnauthorized: false, signal: AbortSignal.timeout(TIMEOUT_MS), agent: false };
  return new Promise((resolve, reject) => {
    const request = get(url, options, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    request.once("error", reject);
  });
}

function fail(text) {
  console.error(text);
  process.exit(1);
}
