/**
 * `config check FILE`: every problem of the three kinds of files at once, with line, key and what is expected.
 */
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { selfSignedCertificate } from "../../support/certificate.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";
import { runCommand } from "./verb-fixture.ts";

let home: TemporaryDirectory;
beforeEach(() => {
  home = temporaryDirectory("check");
});
afterEach(() => home.remove());

function write(name: string, text: string, mode = 0o600): string {
  const path = join(home.path, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

/** What is printed, with the path of the file left out. */
async function check(name: string, text: string, ...options: string[]) {
  const path = write(name, text);
  const { outcome, out, err } = await runCommand(["config", "check", path, ...options]);
  expect(err).toBe("");
  return { outcome, lines: out.replaceAll(path, "FILE").trimEnd().split("\n") };
}

describe("config check of a server's file", () => {
  it("finds every problem, in the order of the lines, with the closest key", async () => {
    const text = [
      "cache:",
      "  endpoint: http://0.0.0.0:9090",
      "  storag: /var/lib/flame",
      "  durability: power-loss",
      "  eviction:",
      "    policy: fifo",
      "    max_memry: 8G",
      "  threads: 0",
      "  limits: 7",
      "  access:",
      "    file: missing.yaml",
      "other: {service: 1}",
    ].join("\n");
    const { outcome, lines } = await check("flame-cluster.yaml", text);
    expect(lines).toEqual([
      'FILE:2: cache.endpoint must be grpc://HOST:PORT, or grpcs://HOST:PORT for TLS: write grpc://0.0.0.0:9090: got "http://0.0.0.0:9090"',
      "FILE:3: cache.storag is not a known key; did you mean cache.storage?",
      'FILE:4: cache.durability must be restart if storage is none (storage from default): got "power-loss"',
      'FILE:6: cache.eviction.policy must be adaptive, lru, s3-fifo or none: got "fifo"',
      "FILE:7: cache.eviction.max_memry is not a known key; did you mean cache.eviction.max_memory?",
      "FILE:8: cache.threads must be a whole number from 1 to 64: got 0",
      "FILE:9: cache.limits must be a mapping of keys to values",
      'FILE:11: cache.access.file must be a file that can be read: got "missing.yaml"',
      "FILE: 8 errors (a server's configuration)",
    ]);
    expect(outcome).toBe("config");
  });

  it("does not judge what depends on a wrong value", async () => {
    const { lines } = await check("a.yaml", "cache:\n  storage: gs://x\n  durability: power-loss");
    expect(lines).toEqual([
      'FILE:2: cache.storage must be none, a path, fs://PATH, file://PATH or s3://BUCKET/PREFIX: got "gs://x"',
      "FILE: 1 error (a server's configuration)",
    ]);
  });

  it("finds files of TLS that are missing", async () => {
    const text =
      "cache:\n  endpoint: grpcs://h:1\n  tls:\n    ca_file: x.pem\n    client_certificates: required";
    expect((await check("a.yaml", text)).lines).toEqual([
      "FILE:3: cache.tls.cert_file must be set when the endpoint is grpcs:// (endpoint from FILE:2)",
      "FILE:3: cache.tls.key_file must be set when the endpoint is grpcs:// (endpoint from FILE:2)",
      'FILE:4: cache.tls.ca_file must be a file that can be read: got "x.pem"',
      'FILE:5: cache.tls.client_certificates must be none without cache.tls.client_ca_file: got "required"',
      "FILE: 4 errors (a server's configuration)",
    ]);
  });

  it("warns of settings of TLS that have no effect", async () => {
    const { outcome, lines } = await check("a.yaml", "cache:\n  tls: {cert_file: c.pem}");
    expect(lines).toEqual([
      expect.stringMatching(/^FILE:2: warning: cache\.tls\.cert_file TLS setting ignored: /),
      "FILE: no errors (a server's configuration)",
    ]);
    expect(outcome).toBe("ok");
  });

  it("accepts what --print-config prints", async () => {
    const context = await runCommand(["serve", "--print-config", "--storage", home.path]);
    expect(await check("printed.yaml", context.out)).toEqual({
      outcome: "ok",
      lines: ["FILE: no errors (a server's configuration)"],
    });
  });
});

describe("config check of a client's file", () => {
  it("finds every problem of every entry", async () => {
    const text = [
      "current-context: prod",
      "contexts:",
      "  - name: dev",
      "    cache: {endpoint: 'grpc://h:1', zero_copy: perhaps, kept_bytes: many}",
      "  - name: 7",
      "    cahce: x",
      "    package: {storage: x}",
      "  - name: test",
      "    cache:",
      "      endpiont: grpc://h:1",
      "      token: s3cret",
      "      token_file: missing",
      "      tls: {ca: x, ca_file: missing.pem}",
      "      client_cert_file: c.pem",
    ].join("\n");
    const { outcome, lines } = await check("flame.yaml", text);
    expect(lines.map((line) => line.replaceAll(home.path, "~"))).toEqual([
      'FILE:1: current-context must be one of dev, 7, test: got "prod"',
      'FILE:4: contexts[0].cache.zero_copy must be true or false: got "perhaps"',
      'FILE:4: contexts[0].cache.kept_bytes must be a number of bytes: got "many"',
      "FILE:5: contexts[1].name must be text",
      "FILE:6: contexts[1].cahce is not a known key; did you mean contexts[1].cache?",
      "FILE:9: contexts[2].cache.client_key_file must be set as well (FILE:14)",
      "FILE:10: contexts[2].cache.endpiont is not a known key; did you mean contexts[2].cache.endpoint?",
      "FILE:11: contexts[2].cache.token is not a known key: a token must not be in this file, token_file names its file",
      'FILE:12: contexts[2].cache.token_file cannot be read: got "~/missing", ENOENT',
      "FILE:13: contexts[2].cache.tls.ca is not a known key",
      expect.stringMatching(/^FILE:13: contexts\[2\]\.cache\.tls\.ca_file cannot be read: ENOENT/),
      "FILE: 11 errors (a client's configuration)",
    ]);
    expect(outcome).toBe("config");
    expect(lines.join()).not.toContain("s3cret");
  });

  it.each([
    ["clusters: {name: a}", "FILE:1: clusters must be a list"],
    ["clusters: [a]", "FILE:1: clusters[0] must be a mapping of keys to values"],
    ["clusters: [{name: a}, {name: b}]", "FILE:1: current-cluster must name one of a, b"],
    [
      "clusters: [{name: a, cache: 'h:1'}]",
      expect.stringMatching(/^FILE:1: clusters\[0\]\.cache must begin with grpc/),
    ],
    [
      "clusters: [{name: a, cache: {tls: 7}}]",
      "FILE:1: clusters[0].cache.tls must be a mapping with ca_file: got 7",
    ],
    [
      "curent-cluster: a\nclusters: [{name: a}]",
      "FILE:1: curent-cluster is not a known key; did you mean current-cluster?",
    ],
  ])("finds the problem of %j", async (text, line) => {
    expect((await check("flame.yaml", text)).lines[0]).toEqual(line);
  });

  it("accepts a complete file, and warns of a secret that every user can read", async () => {
    const { cert, key } = selfSignedCertificate();
    const token = write("token", "text\n", 0o644);
    write("c.pem", cert.toString());
    write("k.pem", key.toString());
    const cache =
      "{endpoint: 'grpcs://h:1', storage: none, tls: {ca_file: c.pem}, token_file: token, client_cert_file: c.pem, client_key_file: k.pem, zero_copy: false, validate: 1}";
    const text = `clusters:\n- {name: a, endpoint: 'http://x', cache: ${cache}}\nunrelated: 1`;
    expect(await check("flame.yaml", text)).toEqual({
      outcome: "ok",
      lines: [
        `FILE:2: warning: clusters[0].cache.token_file ${token} contains a secret and every user of this host can read it: chmod o-r ${token}`,
        "FILE: no errors (a client's configuration)",
      ],
    });
  });
});

describe("config check of an access file", () => {
  it("finds every problem, and repeats no value", async () => {
    const text = [
      "identities:",
      "  - name: worker",
      "    rules:",
      "      - {allow: [get, fly], on: ['app/*', 'a//b']}",
      "    pasword: s3cret",
      "  - name: worker",
      `    tokens: [{id: t1, sha256: ${"a".repeat(64)}}]`,
    ].join("\n");
    const { outcome, lines } = await check("access.yaml", text);
    expect(lines).toEqual([
      expect.stringMatching(/^FILE:4: identities\[0\]\.rules\[0\]\.allow\[1\] must be/),
      expect.stringMatching(/^FILE:4: identities\[0\]\.rules\[0\]\.on\[1\] /),
      "FILE:5: identities[0].pasword is not a known key; did you mean password?",
      "FILE:6: identities[1].name is already used (FILE:2)",
      "FILE: 4 errors (an access file)",
    ]);
    expect(outcome).toBe("config");
    expect(lines.join()).not.toContain("s3cret");
  });

  it("finds the mistyped key that makes a rule incomplete", async () => {
    const text = "identities:\n- name: a\n  rules:\n  - alow: [get]\n    on: ['*']";
    expect((await check("access.yaml", text)).lines).toEqual([
      "FILE:4: identities[0].rules[0] must have either allow or deny",
      "FILE:4: identities[0].rules[0].alow is not a known key; did you mean allow?",
      "FILE: 2 errors (an access file)",
    ]);
  });

  it("finds every problem of the section jwt", async () => {
    const text =
      "anonymous: {rules: []}\njwt:\n  isuer: x\n  audience: a\n  algorithms: [HS256]\n  jwks_url: http://h";
    expect((await check("access.yaml", text)).lines.map((line) => line.split(" ", 2).join(" "))).toEqual([
      "FILE:2: jwt.issuer",
      "FILE:3: jwt.isuer",
      "FILE:5: jwt.algorithms[0]",
      "FILE:6: jwt.jwks_url",
      "FILE: 4",
    ]);
  });

  it("finds every part of a wrong shape", async () => {
    const text =
      "identities:\n- name: 7\n- name: a\n  rules: x\n- name: b\n  tokens: [{id: t, sha256: s3cret}]";
    const { lines } = await check("access.yaml", text);
    expect(lines.map((line) => line.split(" ").slice(0, 2).join(" "))).toEqual([
      "FILE:2: identities[0].name",
      "FILE:4: identities[1].rules",
      "FILE:6: identities[2].tokens[0].sha256",
      "FILE: 3",
    ]);
    expect(lines.join()).not.toContain("s3cret");
  });
});

describe("config check", () => {
  it.each([
    ["a: [s3cret\nb: {", undefined],
    ["a: 'x\nb: 1", "flame.yaml"],
  ])("finds what is wrong in the syntax of %j", async (text, name = "x.yaml") => {
    const { outcome, lines } = await check(name, text);
    expect(lines[0]).toMatch(/^FILE:\d: is not valid YAML: \w+/);
    expect(lines.join()).not.toContain("s3cret");
    expect(outcome).toBe("config");
  });

  it("needs a key of a known kind, or --as", async () => {
    expect((await check("x.yaml", "cahce: {endpoint: 7}")).lines[0]).toMatch(
      /^FILE:1: cahce must have the key cache .*; did you mean cache\?$/,
    );
    expect((await check("x.yaml", "{}")).lines[0]).toMatch(/^FILE:1: must have the key cache/);
    const { lines } = await check("x.yaml", "{}", "--as", "access");
    expect(lines[0]).toMatch(/^FILE:1: names no identities/);
    expect((await check("flame.yaml", "")).lines).toEqual(["FILE: no errors (a client's configuration)"]);
  });

  it("prints the problems as one JSON object with --json", async () => {
    const { outcome, lines } = await check("x.yaml", "cache:\n  threads: 0\n  threds: 1", "--json");
    expect(JSON.parse(lines.join())).toEqual({
      file: "FILE",
      kind: "server",
      errors: 2,
      problems: [
        {
          severity: "error",
          line: 2,
          key: "cache.threads",
          text: "must be a whole number from 1 to 64: got 0",
          suggestion: null,
        },
        {
          severity: "error",
          line: 3,
          key: "cache.threds",
          text: "is not a known key",
          suggestion: "cache.threads",
        },
      ],
    });
    expect(outcome).toBe("config");
  });

  it("of a file that cannot be opened ends with noInput", async () => {
    for (const path of [join(home.path, "missing.yaml"), home.path]) {
      const { outcome, err } = await runCommand(["config", "check", path]);
      expect([outcome, err]).toEqual(["noInput", expect.stringContaining(`flame-object-cache: ${path}: `)]);
    }
  });
});
