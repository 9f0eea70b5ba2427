/**
 * The certificate of this server, and its replacement while the server runs.
 *
 * The files are watched, because Kubernetes and ACME clients replace them without a signal. New
 * connections use the new files; running connections go on. If the new files cannot be used, the
 * server logs this and keeps the old certificate.
 */
import type { TlsConfig } from "../config/cache-config.ts";
import { readTlsFiles, type TlsFiles, tlsPathsOf } from "../config/tls-files.ts";
import { WatchedFile } from "../config/watched-file.ts";
import { CacheError } from "../errors.ts";
import { checkServerTls } from "../grpc/secure-context.ts";
import { logFor } from "../log.ts";

const log = logFor("tls");

/** Uses a certificate for new connections. */
export interface CertificateUser {
  setTls(tls: TlsFiles): Promise<void> | void;
}

export class ServerCertificate {
  readonly #config: TlsConfig;
  readonly #users: CertificateUser[] = [];
  readonly #watch: WatchedFile;
  #current: TlsFiles;
  #reloading: Promise<void> = Promise.resolve();

  /** @throws {CacheError} INVALID_CONFIG if the files cannot be used. */
  constructor(config: TlsConfig) {
    this.#config = config;
    // The watch first: a change while the files are read must not be missed.
    this.#watch = new WatchedFile(tlsPathsOf(config), () => void this.reload());
    this.#current = readUsable(config).tls;
  }

  get current(): TlsFiles {
    return this.#current;
  }

  /** Begins to watch the files; each user gets the files that replace them. */
  watch(users: readonly CertificateUser[]): void {
    this.#users.push(...users);
    this.#watch.start();
  }

  stop(): void {
    this.#watch.stop();
  }

  /** Reads the files now. Does not reject: if they cannot be used, the old certificate stays. */
  async reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload());
    await this.#reloading;
  }

  async #reload(): Promise<void> {
    try {
      const { tls, facts } = readUsable(this.#config);
      if (isSame(tls, this.#current)) return;
      for (const user of this.#users) await user.setTls(tls);
      this.#current = tls;
      log.info("certificate replaced", facts);
    } catch (error) {
      log.error("certificate kept: the TLS files cannot be used", { error });
    }
  }
}

/** @throws {CacheError} INVALID_CONFIG */
function readUsable(config: TlsConfig) {
  const tls = readTlsFiles(config);
  try {
    const { subject, serialNumber, validTo } = checkServerTls(tls);
    return { tls, facts: { subject: subject.replaceAll("\n", ", "), serialNumber, validTo } };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    const facts = { key: "tls.cert_file", value: config.certFile };
    throw new CacheError("INVALID_CONFIG", `the TLS files cannot be used: ${reason}`, { cause, facts });
  }
}

function isSame(a: TlsFiles, b: TlsFiles): boolean {
  const parts = ({ cert, key, ca, clients }: TlsFiles) => [cert, key, ca, clients?.ca];
  const others = parts(b);
  return parts(a).every((part, i) => part === others[i] || others[i]?.equals(part ?? EMPTY) === true);
}

const EMPTY = Buffer.alloc(0);
