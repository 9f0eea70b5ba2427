/**
 * A server with TLS while its files are replaced, with client certificates, with https, and with connections in other threads.
 *
 * Certificates are issued by an authority of the test's own. Which one a server shows is read from new handshakes.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { promisify } from "node:util";
import type { Worker } from "node:worker_threads";
import { resetSync } from "@logtape/logtape";
import { afterAll, beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import type { CacheConfig, TlsConfig } from "../../src/config/cache-config.ts";
import { encodeHealthRequest } from "../../src/flight/health.ts";
import { HEALTH_METHODS } from "../../src/flight/methods.ts";
import { GrpcClient } from "../../src/grpc/client.ts";
import type { ClientCall } from "../../src/grpc/client-call.ts";
import { startLog } from "../../src/log.ts";
import { canSharePort } from "../../src/relay/share-port.ts";
import { type RunningCache, startServer } from "../../src/service/start-server.ts";
import { builtDoor } from "../support/built-package.ts";
import { tlsConfig } from "../support/certificate.ts";
import { CertificateAuthority, type IssuedCertificate } from "../support/certificate-authority.ts";
import { serverConfig } from "../support/in-process-server.ts";
import { startCommand } from "../support/start-command.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const AUTHORITY = new CertificateAuthority();
const OTHER_AUTHORITY = new CertificateAuthority("other authority");
const [FIRST, SECOND, THIRD] = [AUTHORITY.issueServer(), AUTHORITY.issueServer(), AUTHORITY.issueServer()];
const CLIENT = AUTHORITY.issue("worker-7");
const run = promisify(execFile);
afterAll(() => {
  AUTHORITY.remove();
  OTHER_AUTHORITY.remove();
});

/** The replaced files of one server. */
let directory: string;
let certFile: string;
let keyFile: string;
let caFile: string;

beforeEach(() => {
  const made = temporaryDirectory("tls");
  onTestFinished(() => made.remove());
  directory = made.path;
  [certFile, keyFile, caFile] = ["tls.crt", "tls.key", "clients.pem"].map((name) =>
    join(directory, name),
  ) as [string, string, string];
  install(FIRST);
  copyFileSync(AUTHORITY.certFile, caFile);
});

function install(issued: Pick<IssuedCertificate, "certFile" | "keyFile">): void {
  copyFileSync(issued.certFile, certFile);
  copyFileSync(issued.keyFile, keyFile);
}

/** Certificates of clients are requested. */
function withClients(clientCertificates: "optional" | "required"): TlsConfig {
  return { ...tlsConfig(certFile, keyFile), clientCaFile: caFile, clientCertificates };
}

async function start(
  tls = tlsConfig(certFile, keyFile),
  more: Partial<CacheConfig> = {},
): Promise<RunningCache> {
  const endpoint = { scheme: "grpcs", host: "127.0.0.1", port: 0 } as const;
  const server = await startServer(serverConfig(undefined, { endpoint, tls, ...more }));
  onTestFinished(() => server.stop());
  return server;
}

function clientOf({ endpoint }: RunningCache, presented?: IssuedCertificate): GrpcClient {
  const { hostname: host, port } = new URL(endpoint);
  const identity = presented && { cert: presented.cert, key: presented.key };
  const client = new GrpcClient({ host, port: Number(port), tls: { ca: AUTHORITY.cert, ...identity } });
  onTestFinished(() => client.close());
  return client;
}

const check = (client: GrpcClient): Promise<Buffer> =>
  client.unary(HEALTH_METHODS.Check.path, encodeHealthRequest(""));

/** A call that stays open, after its first answer. */
async function watch(client: GrpcClient): Promise<ClientCall> {
  const call = client.open(HEALTH_METHODS.Watch.path);
  await call.write([encodeHealthRequest("")]);
  call.endRequests();
  await (await call.responses.next())?.collect(100);
  return call;
}

/** The serial number that a server at this address shows to a new connection. */
async function serialAt(url: string): Promise<string> {
  const { hostname: host, port } = new URL(url);
  const socket = connect({ host, port: Number(port), ca: AUTHORITY.cert, ALPNProtocols: ["h2", "http/1.1"] });
  await once(socket, "secureConnect");
  const { serialNumber } = socket.getPeerCertificate();
  socket.destroy();
  return serialNumber;
}

/** Its number in the order in which the authority issued it. */
const serialOf = (issued: IssuedCertificate): string =>
  ["01", "02", "03"][[FIRST, SECOND, THIRD].indexOf(issued)] ?? "none";

function logLines(): string[] {
  const lines: string[] = [];
  startLog({ directives: [], format: "json", stream: { write: (line) => lines.push(line) } });
  onTestFinished(() => resetSync());
  return lines;
}

describe.each(canSharePort() ? [1, 2] : [1])("the certificate of a server with %i threads", (threads) => {
  it("is replaced for new connections, and calls of old ones go on", async () => {
    const server = await start(undefined, { threads });
    const old = clientOf(server);
    const call = await watch(old);
    expect(await serialAt(server.endpoint)).toBe(serialOf(FIRST));
    install(SECOND);
    await server.reload();
    for (let i = 0; i < 4; i++) expect(await serialAt(server.endpoint)).toBe(serialOf(SECOND));
    await check(old);
    expect(old.hasLostConnection).toBe(false);
    call.cancel();
    await check(clientOf(server));
  });

  it("stays if the new files cannot be used, which the log says, and is replaced by the next right ones", async () => {
    const server = await start(undefined, { threads });
    const lines = logLines();
    const wrongPairs = [
      () => copyFileSync(SECOND.certFile, certFile),
      () => writeFileSync(certFile, "not a certificate"),
      () => writeFileSync(keyFile, ""),
      () => renameSync(certFile, `${certFile}.away`),
    ];
    for (const spoil of wrongPairs) {
      install(FIRST);
      spoil();
      await server.reload();
      expect(await serialAt(server.endpoint)).toBe(serialOf(FIRST));
    }
    const errors = lines.filter((line) => line.includes("certificate kept: the TLS files cannot be used"));
    expect(errors).toHaveLength(wrongPairs.length);
    expect(errors.join()).not.toContain("PRIVATE KEY");
    install(THIRD);
    await server.reload();
    expect(await serialAt(server.endpoint)).toBe(serialOf(THIRD));
  });

  it("is found by itself when a symbolic link is turned to other files, as Kubernetes does", async () => {
    for (const [name, issued] of Object.entries({ first: FIRST, second: SECOND })) {
      mkdirSync(join(directory, name));
      copyFileSync(issued.certFile, join(directory, name, "tls.crt"));
      copyFileSync(issued.keyFile, join(directory, name, "tls.key"));
    }
    const link = join(directory, "data");
    symlinkSync("first", link);
    const server = await start(tlsConfig(join(link, "tls.crt"), join(link, "tls.key")), { threads });
    expect(await serialAt(server.endpoint)).toBe(serialOf(FIRST));
    symlinkSync("second", `${link}.new`);
    renameSync(`${link}.new`, link);
    await vi.waitFor(async () => expect(await serialAt(server.endpoint)).toBe(serialOf(SECOND)), {
      timeout: 20_000,
    });
  });

  it("comes with the authorities of clients: removed ones count no more for new connections", async () => {
    const server = await start(withClients("required"), { threads });
    const old = clientOf(server, CLIENT);
    await check(old);
    const stranger = OTHER_AUTHORITY.issue("worker-8");
    await expect(check(clientOf(server, stranger))).rejects.toThrow();
    copyFileSync(OTHER_AUTHORITY.certFile, caFile);
    await server.reload();
    await check(clientOf(server, stranger));
    await expect(check(clientOf(server, CLIENT))).rejects.toThrow();
    await check(old);
    expect(old.hasLostConnection).toBe(false);
    writeFileSync(caFile, "no certificate");
    await server.reload();
    await check(clientOf(server, stranger));
  });
});

describe.skipIf(!canSharePort())("a connection thread that dies", () => {
  it("is replaced by one with the certificate of the day", async () => {
    const workers: Worker[] = [];
    const note = (worker: Worker): void => void workers.push(worker);
    process.on("worker", note);
    onTestFinished(() => void process.off("worker", note));
    const server = await start(undefined, { threads: 2 });
    install(SECOND);
    await server.reload();
    await Promise.all(workers.map((worker) => worker.terminate()));
    await vi.waitFor(async () => expect(await serialAt(server.endpoint)).toBe(serialOf(SECOND)), {
      timeout: 20_000,
    });
  });
});

describe("the built package", () => {
  it("reads the files again on SIGHUP, and goes on", async () => {
    const [configFile, home] = [join(directory, "cache.yaml"), directory];
    writeFileSync(
      configFile,
      "cache: {endpoint: 'grpcs://127.0.0.1:0', tls: {cert_file: tls.crt, key_file: tls.key}}\n",
    );
    await using command = startCommand(["serve", "--config", configFile], { directory: home });
    const [, endpoint = ""] = await command.wrote("stdout", /listening on (\S+)\n/);
    install(SECOND);
    command.signal("SIGHUP");
    await command.wrote("stderr", /certificate replaced/);
    expect(await serialAt(endpoint)).toBe(serialOf(SECOND));
    command.signal("SIGTERM");
    expect(await command.ended).toBe(0);
  });

  it("reads them again in a cache thread", async () => {
    const { startObjectCacheThread } = (await import(
      await builtDoor()
    )) as typeof import("../../src/index.ts");
    const configFile = join(directory, "cache.yaml");
    writeFileSync(
      configFile,
      "cache: {endpoint: 'grpcs://127.0.0.1:0', tls: {cert_file: tls.crt, key_file: tls.key}}\n",
    );
    const cache = await startObjectCacheThread({ configFile, log: "off" });
    onTestFinished(() => cache.stop());
    install(SECOND);
    await Promise.all([cache.reload(), cache.reload()]);
    expect(await serialAt(cache.endpoint)).toBe(serialOf(SECOND));
  });
});

describe("the access file", () => {
  const ACCESS = `identities:
  - name: worker
    certificates: [CN=worker-7]
    rules: [{allow: [get, put, list, delete], on: ["app/*"]}]
`;

  it.each(canSharePort() ? [1, 2] : [1])(
    "knows a caller by its certificate, with %i threads",
    async (threads) => {
      const file = join(directory, "access.yaml");
      writeFileSync(file, ACCESS);
      const server = await start(withClients("optional"), { threads, access: { file, isRequired: true } });
      const list = (client: GrpcClient): Promise<unknown> =>
        client.unary(
          "/arrow.flight.protocol.FlightService/GetFlightInfo",
          Buffer.from([8, 1, 26, 7, ...Buffer.from("app/s/o")]),
        );
      const known = clientOf(server, CLIENT);
      for (let i = 0; i < 3; i++) await expect(list(known)).rejects.toMatchObject({ status: "NOT_FOUND" });
      for (const presented of [undefined, AUTHORITY.issue("worker-9")]) {
        await expect(list(clientOf(server, presented))).rejects.toMatchObject({ status: "UNAUTHENTICATED" });
      }
    },
  );
});

describe("an https listener", () => {
  const admin = { scheme: "https", host: "127.0.0.1", port: 0 } as const;
  const endpoint = { scheme: "grpc", host: "127.0.0.1", port: 0 } as const;

  const curl = async (url: string, ...more: readonly string[]): Promise<string> => {
    const { stdout } = await run("curl", ["-sS", "--cacert", AUTHORITY.certFile, ...more, url]);
    return stdout;
  };
  const presenting = ({ certFile: cert, keyFile: key }: IssuedCertificate): string[] => [
    "--cert",
    cert,
    "--key",
    key,
  ];

  it("answers with the certificate of the endpoint, beside an endpoint without TLS", async () => {
    const server = await start(undefined, { admin, endpoint });
    expect(server.endpoint).toMatch(/^grpc:/);
    expect(server.admin).toMatch(/^https:/);
    expect(await curl(`${server.admin}/healthz`)).toBe("ok\n");
    await expect(curl(`${server.admin}/healthz`.replace("https:", "http:"))).rejects.toThrow();
  });

  it("refuses TLS 1.1", async () => {
    const server = await start(undefined, { admin, endpoint });
    const old = ["--tls-max", "1.1", "--ciphers", "DEFAULT:@SECLEVEL=0"];
    await expect(curl(`${server.admin}/healthz`, "--tlsv1.0", ...old)).rejects.toThrow(/protocol version/);
    expect(await curl(`${server.admin}/healthz`, "--tls-max", "1.2")).toBe("ok\n");
  });

  it("shows a replaced certificate to new connections", async () => {
    const server = await start(undefined, { admin, endpoint });
    install(SECOND);
    await server.reload();
    expect(await serialAt(server.admin!)).toBe(serialOf(SECOND));
  });

  it("requires a client certificate if the setting says so", async () => {
    const server = await start(withClients("required"), { admin, endpoint });
    expect(await curl(`${server.admin}/healthz`, ...presenting(CLIENT))).toBe("ok\n");
    await expect(curl(`${server.admin}/healthz`)).rejects.toThrow();
    await expect(
      curl(`${server.admin}/healthz`, ...presenting(OTHER_AUTHORITY.issue("x"))),
    ).rejects.toThrow();
  });

  it("takes a client without certificate if it is optional, and none that does not verify", async () => {
    const server = await start(withClients("optional"), { admin, endpoint });
    expect(await curl(`${server.admin}/healthz`)).toBe("ok\n");
    expect(await curl(`${server.admin}/healthz`, ...presenting(CLIENT))).toBe("ok\n");
    await expect(
      curl(`${server.admin}/healthz`, ...presenting(OTHER_AUTHORITY.issue("x"))),
    ).rejects.toThrow();
  });
});
