/**
 * A certificate authority of a test's own, which issues certificates of servers and clients with openssl.
 *
 * Its files are in a directory that ends with the test, or that the caller removes.
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type TemporaryDirectory, temporaryDirectory } from "./temporary-directory.ts";

export interface IssuedCertificate {
  readonly certFile: string;
  readonly keyFile: string;
  readonly cert: Buffer;
  readonly key: Buffer;
}

export interface CertificateRequest {
  /** Lines of a section of openssl's configuration: `DNS.1 = localhost`. */
  readonly alternativeNames?: readonly string[];
  readonly usage?: "serverAuth" | "clientAuth";
  /** Several common names, in place of the one. */
  readonly commonNames?: readonly string[];
}

const EC = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
const SERVER_NAMES = ["IP.1 = 127.0.0.1", "DNS.1 = localhost"];

export class CertificateAuthority {
  readonly directory: TemporaryDirectory = temporaryDirectory("authority");
  readonly certFile = this.path("ca.pem");
  readonly #keyFile = this.path("ca.key");
  #serial = 1;

  constructor(name = "test authority") {
    this.#openssl(
      "req",
      "-x509",
      ...EC,
      "-days",
      "2",
      "-subj",
      `/CN=${name}`,
      "-keyout",
      this.#keyFile,
      "-out",
      this.certFile,
    );
  }

  get cert(): Buffer {
    return readFileSync(this.certFile);
  }

  path(name: string): string {
    return join(this.directory.path, name);
  }

  /** For 127.0.0.1 and localhost. */
  issueServer(): IssuedCertificate {
    return this.issue("localhost", { alternativeNames: SERVER_NAMES, usage: "serverAuth" });
  }

  issue(commonName: string, request: CertificateRequest = {}): IssuedCertificate {
    const { alternativeNames = [], usage = "clientAuth", commonNames = [commonName] } = request;
    const serial = String(this.#serial++);
    const [keyFile, requestFile, certFile, configFile] = ["key", "csr", "pem", "cnf"].map((ending) =>
      this.path(`${serial}.${ending}`),
    ) as [string, string, string, string];
    writeFileSync(configFile, configText({ alternativeNames, usage, commonNames }));
    this.#openssl("req", "-new", ...EC, "-config", configFile, "-keyout", keyFile, "-out", requestFile);
    const issuer = ["-CA", this.certFile, "-CAkey", this.#keyFile, "-set_serial", serial, "-days", "2"];
    const extensions = ["-extfile", configFile, "-extensions", "extensions"];
    this.#openssl("x509", "-req", "-in", requestFile, ...issuer, ...extensions, "-out", certFile);
    return { certFile, keyFile, cert: readFileSync(certFile), key: readFileSync(keyFile) };
  }

  remove(): void {
    this.directory.remove();
  }

  #openssl(...args: string[]): void {
    execFileSync("openssl", args, { stdio: "pipe" });
  }
}

function configText({ alternativeNames, usage, commonNames }: Required<CertificateRequest>): string {
  const names = alternativeNames.length === 0 ? [] : ["subjectAltName = @names"];
  return [
    "[req]",
    "prompt = no",
    "distinguished_name = subject",
    "[subject]",
    ...commonNames.map((name, i) => `${i}.CN = ${name}`),
    "[extensions]",
    "basicConstraints = CA:FALSE",
    `extendedKeyUsage = ${usage}`,
    ...names,
    "[names]",
    ...alternativeNames,
    "",
  ].join("\n");
}
