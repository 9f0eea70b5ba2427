/**
 * The TLS settings: which addresses need a certificate, and which client certificates are requested.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadCacheConfig } from "../../../src/config/load-cache-config.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

const FILES = "cert_file: pem, key_file: pem";

let directory: TemporaryDirectory;
beforeAll(() => {
  directory = temporaryDirectory("tls-settings");
  writeFileSync(join(directory.path, "pem"), "");
});
afterAll(() => directory.remove());

function load(text: string, more: Readonly<Record<string, string>> = {}) {
  const configFile = join(directory.path, "c.yaml");
  writeFileSync(configFile, `cache:\n  ${text}\n`);
  return loadCacheConfig({ env: { FLAME_HOME: directory.path, ...more }, configFile });
}

describe("the certificate of a server", () => {
  it.each(["endpoint: grpcs://h:1", "admin: https://h:1", "http: https://h:1"])(
    "is read for %s",
    (address) => {
      const { config, warnings } = load(`{${address.replace(": ", ": '")}', tls: {${FILES}}}`);
      expect(config.tls).toMatchObject({ certFile: join(directory.path, "pem") });
      expect(warnings).toEqual([]);
    },
  );

  it.each([
    ["{admin: 'https://h:1'}", "cache.tls.cert_file must be set when admin is https:// (admin from "],
    ["{http: 'https://h:1'}", "cache.tls.cert_file must be set when http is https:// (http from "],
    ["{http: 'https://h:1', tls: {cert_file: pem}}", "cache.tls.key_file must be set when http is https://"],
  ])("must be set: %s", (text, message) => {
    expect(() => load(text)).toThrow(message);
    expect(() => load(text)).toThrow("INVALID_CONFIG");
  });
});

describe("client certificates", () => {
  const endpoint = "endpoint: 'grpcs://h:1'";

  it("are not requested without an authority for them", () => {
    expect(load(`{${endpoint}, tls: {${FILES}}}`).config.tls).toMatchObject({
      clientCaFile: undefined,
      clientCertificates: "none",
    });
  });

  it("are required with one, unless the setting says otherwise", () => {
    const path = join(directory.path, "pem");
    for (const [written, expected] of [
      ["", "required"],
      [", client_certificates: optional", "optional"],
      [", client_certificates: NONE", "none"],
    ]) {
      const { tls } = load(`{${endpoint}, tls: {${FILES}, client_ca_file: pem${written}}}`).config;
      expect(tls).toMatchObject({ clientCaFile: path, clientCertificates: expected });
    }
  });

  it("are set by variables too", () => {
    const variables = {
      FLAME_CACHE_CLIENT_CA_FILE: join(directory.path, "pem"),
      FLAME_CACHE_CLIENT_CERTIFICATES: "optional",
    };
    expect(load(`{${endpoint}, tls: {${FILES}}}`, variables).config.tls).toMatchObject({
      clientCaFile: variables.FLAME_CACHE_CLIENT_CA_FILE,
      clientCertificates: "optional",
    });
  });

  it.each([
    ["client_certificates: required", "must be none without cache.tls.client_ca_file"],
    ["client_certificates: always, client_ca_file: pem", "must be none, optional or required"],
    ["client_ca_file: nowhere", "cache.tls.client_ca_file must be a file that can be read"],
  ])("are refused with %s", (settings, message) => {
    expect(() => load(`{${endpoint}, tls: {${FILES}, ${settings}}}`)).toThrow(message);
  });

  it("without TLS are a warning", () => {
    const { warnings } = load("tls: {client_ca_file: pem, client_certificates: required}");
    expect(warnings.map(({ key }) => key)).toEqual([
      "cache.tls.client_ca_file",
      "cache.tls.client_certificates",
    ]);
  });
});
