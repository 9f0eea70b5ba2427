/**
 * `why`, `stats`, `top` and `logs`, as a user sees them in a pipe and on a terminal.
 */
import { resetSync } from "@logtape/logtape";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { encodeTicket } from "../../../src/flight/messages.ts";
import { FLIGHT_METHODS } from "../../../src/flight/methods.ts";
import { logFor, startLog } from "../../../src/log.ts";
import { pathDescriptor, valuePut } from "../../support/flight-messages.ts";
import { type InProcessServer, startInProcess } from "../../support/in-process-server.ts";
import { type RunOptions, runCommand } from "./verb-fixture.ts";

let server: InProcessServer;
beforeAll(async () => {
  server = await startInProcess();
  for (const [key, size] of [
    ["app/s/small", 10],
    ["app/s/large", 5000],
    ["other/t/one", 100],
  ] as const) {
    await server.client.put(valuePut(pathDescriptor(key), Buffer.alloc(size)));
  }
  await server.client.exchange(FLIGHT_METHODS.DoGet.path, [encodeTicket(Buffer.from("app/s/large"))]);
});
afterAll(async () => {
  await server.stop();
});

const run = (args: readonly string[], options: RunOptions = {}) =>
  runCommand(args, { ...options, env: { FLAME_CACHE_ENDPOINT: server.endpoint, ...options.env } });

const RECENT = /(less than a second|\d+ seconds?) ago by (127\.0\.0\.1|::ffff:127\.0\.0\.1)/;

describe("why", () => {
  it("says in one sentence why an object is there, then its events", async () => {
    const { outcome, out } = await run(["why", "app/s/small"]);
    expect(outcome).toBe("ok");
    const [sentence, gap, event] = out.split("\n");
    expect(sentence).toMatch(/^app\/s\/small is here: version 1, put /);
    expect(sentence).toMatch(RECENT);
    expect(gap).toBe("");
    expect(event).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z {2}put {2}1 {2}10 B {2}[\d.:a-f]+ {2}-$/);
  });

  it("has titles and a colour on a terminal, and neither in a pipe", async () => {
    const { out } = await run(["why", "app/s/small"], { isTerminal: true });
    expect(out).toContain("\u001b[32mapp/s/small is here");
    expect(out).toContain("TIME");
    const piped = (await run(["why", "app/s/small"])).out;
    expect(piped).not.toContain("TIME");
    expect(piped).not.toContain("\u001b");
  });

  it("says that an object was never there, with exit code 0", async () => {
    const { outcome, out } = await run(["why", "app/s/never"]);
    expect(outcome).toBe("ok");
    expect(out).toMatch(/^app\/s\/never was never here \(the journal goes back to \d{4}-[^)]+Z\)\n$/);
  });

  it("prints the server's answer as JSON", async () => {
    const answer = JSON.parse((await run(["why", "app/s/small", "--json"])).out) as Record<string, unknown>;
    expect(answer).toMatchObject({
      key: "app/s/small",
      present: true,
      events: [{ event: "put", version: 1 }],
    });
  });

  it("prints hostile keys as one line of visible characters", async () => {
    const key = "app/s/\u202e\u2028evil";
    await server.client.put(valuePut(pathDescriptor(key), Buffer.alloc(1)));
    const { out } = await run(["why", key]);
    expect(out.split("\n")[0]).toContain("app/s/\\u202e\\u2028evil is here");
  });

  it("is a usage error for what is not a key", async () => {
    expect((await run(["why", "app/s"])).outcome).toBe("usage");
  });
});

describe("top", () => {
  it("lists the keys that are read most, the largest sessions and applications", async () => {
    const { out } = await run(["top", "--limit", "2"]);
    const lines = out.split("\n");
    expect(lines[0]).toMatch(/^ *GETS\/S +GETS {2}KEY$/);
    expect(lines[1]).toMatch(/~1 {2}app\/s\/large$/);
    expect(out).toMatch(/4\.\d\d KiB +[23] {2}app\/s\n +100 B +1 {2}other\/t\n/);
    expect(out).toMatch(/APPLICATION\n4\.\d\d KiB +[23] {2}app\n +100 B +1 {2}other\n$/);
  });

  it("prints one JSON object", async () => {
    const answer = JSON.parse((await run(["top", "--json"])).out) as Record<string, unknown>;
    expect(Object.keys(answer)).toEqual(["counted", "keys", "sessions", "applications"]);
  });
});

describe("stats", () => {
  it("has a line for each part of the server, then its methods", async () => {
    const { out } = await run(["stats"]);
    expect(out).toMatch(/^server {3}.*up \d+s, Node /);
    expect(out).toMatch(/\nobjects {2}[34] objects, /);
    expect(out).toMatch(/\nMETHOD +CALLS +CALLS\/S +P50 +P99 +ERRORS\n/);
    expect(out).toMatch(/\nDoPut +[34] +- .* 0\n/);
  });

  it("redraws in place on a terminal, with rates from the second view on", async () => {
    const { out } = await run(["stats", "--watch", "--count", "2", "--interval", "50ms"], {
      isTerminal: true,
    });
    const [first, second] = out.split("\r\u001b[J");
    expect(first).toMatch(/^server/);
    expect(second).toMatch(/traffic {2}in [^(]*\([^)]+\/s\)/);
  });

  it("prints view after view in a pipe, and JSON lines", async () => {
    const { out } = await run(["stats", "--watch", "--count", "2", "--interval", "10ms"]);
    expect(out).not.toContain("\u001b");
    expect(out.match(/^server/gm)).toHaveLength(2);
    const json = await run(["stats", "--json", "--watch", "--count", "2", "--interval", "10ms"]);
    expect(
      json.out
        .trimEnd()
        .split("\n")
        .map((line) => typeof JSON.parse(line)),
    ).toEqual(["object", "object"]);
  });

  it("ends with CANCELLED when it is interrupted", async () => {
    const { outcome } = await run(["stats", "--watch", "--interval", "1h"], {
      stopped: Promise.resolve("SIGINT"),
    });
    expect(outcome).toBe("interrupted");
  });
});

describe("logs", () => {
  const written: string[] = [];
  beforeEach(() => {
    written.length = 0;
    startLog({ directives: [], format: "json", stream: { write: (line) => written.push(line) } });
  });
  afterEach(resetSync);

  /** Logs until the verb has ended. */
  async function followed(args: readonly string[], options: RunOptions = {}) {
    const timer = setInterval(() => {
      logFor("test").debug("a detail", { number: 7 });
      logFor("test").warn("a warning");
    }, 20);
    try {
      return await run(["logs", ...args], options);
    } finally {
      clearInterval(timer);
    }
  }

  it("follows the log from a level on, without changing what the server writes", async () => {
    const { out } = await followed(["--level", "debug", "--lines", "20"]);
    expect(out).toMatch(/^\d{4}-[\dT:.-]+Z DEBUG flame_cache::test a detail number=7$/m);
    expect(out).toMatch(/ WARN flame_cache::test a warning$/m);
    expect(written.join("")).toContain("a warning");
    expect(written.join("")).not.toContain("a detail");
  });

  it("leaves out less severe lines", async () => {
    const { out } = await followed(["--level", "warn", "--lines", "3"]);
    expect(
      out
        .trimEnd()
        .split("\n")
        .filter((line) => !line.includes("WARN")),
    ).toEqual([]);
  });

  it("has colours on a terminal, and JSON as the server writes it", async () => {
    expect((await followed(["--lines", "1"], { isTerminal: true })).out).toContain(
      "\u001b[33m WARN\u001b[0m",
    );
    const { out } = await followed(["--lines", "1", "--json"]);
    expect(JSON.parse(out)).toMatchObject({ level: "warn", target: "flame_cache::test", text: "a warning" });
  });
});
