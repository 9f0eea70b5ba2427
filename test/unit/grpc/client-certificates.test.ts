/**
 * Client certificates: which connections a server accepts, and the names that reach a call. The threads' side of it is in
 * test/e2e/tls.test.ts.
 */
import { once } from "node:events";
import { connect } from "node:tls";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import type { ClientCertificate } from "../../../src/grpc/call.ts";
import { GrpcClient } from "../../../src/grpc/client.ts";
import { parseAlternativeNames } from "../../../src/grpc/client-certificate.ts";
import { GrpcServer } from "../../../src/grpc/server.ts";
import type { ServerTls } from "../../../src/grpc/server-transport.ts";
import { LIMITS } from "../../../src/limits.ts";
import { CertificateAuthority, type IssuedCertificate } from "../../support/certificate-authority.ts";
import { closed, type Served, serve } from "../../support/grpc-peers.ts";

const AUTHORITY = new CertificateAuthority();
const STRANGER = new CertificateAuthority();
const SERVER = AUTHORITY.issueServer();
const REQUEST = Buffer.from("request");
afterAll(() => {
  AUTHORITY.remove();
  STRANGER.remove();
});

/** A server whose method `/test/Who` answers with the client certificate of its call, as JSON. */
function serveWho(isRequired: boolean, more: Partial<ServerTls> = {}): Promise<Served> {
  const { cert, key } = SERVER;
  const tls = { cert, key, clients: { ca: AUTHORITY.cert, isRequired }, ...more };
  const who = {
    "/test/Who": async (call) => void (await call.write([encode(call.clientCertificate)])),
  } satisfies Parameters<typeof serve>[0];
  return serve(who, { tls });
}

function encode(certificate: ClientCertificate | undefined): Buffer {
  return Buffer.from(JSON.stringify(certificate ?? "none"));
}

async function who({ port }: Served, presented?: IssuedCertificate): Promise<unknown> {
  const identity = presented && { cert: presented.cert, key: presented.key };
  const client = new GrpcClient({ host: "127.0.0.1", port, tls: { ca: AUTHORITY.cert, ...identity } });
  onTestFinished(() => client.close());
  return JSON.parse((await client.unary("/test/Who", REQUEST)).toString());
}

const UNREACHABLE = expect.objectContaining({ status: "UNAVAILABLE" });

describe("a server that requires client certificates", () => {
  it("gives a call the common name and the alternative names, in the order of the certificate", async () => {
    const names = [
      "DNS.1 = worker-7.example",
      "URI.1 = spiffe://flame/worker-7",
      "IP.1 = 10.1.2.3",
      "email.1 = a@b.example",
    ];
    const served = await serveWho(true);
    expect(await who(served, AUTHORITY.issue("worker-7", { alternativeNames: names }))).toEqual({
      commonName: "worker-7",
      alternativeNames: [
        "DNS:worker-7.example",
        "URI:spiffe://flame/worker-7",
        "IP:10.1.2.3",
        "email:a@b.example",
      ],
    });
  });

  it("refuses a connection without a certificate", async () => {
    await expect(who(await serveWho(true))).rejects.toEqual(UNREACHABLE);
  });

  it("refuses a certificate of another authority, even one of its own chain file", async () => {
    const served = await serveWho(true, { ca: STRANGER.cert });
    await expect(who(served, STRANGER.issue("worker-7"))).rejects.toEqual(UNREACHABLE);
  });

  it("refuses a certificate that is for servers only", async () => {
    await expect(who(await serveWho(true), AUTHORITY.issueServer())).rejects.toEqual(UNREACHABLE);
  });
});

describe("a server that takes client certificates if there are any", () => {
  it("serves a connection without one, and the call has none", async () => {
    expect(await who(await serveWho(false))).toBe("none");
  });

  it("gives a call the certificate that its connection presents", async () => {
    const served = await serveWho(false);
    const expected = { commonName: "worker-7", alternativeNames: [] };
    expect(await who(served, AUTHORITY.issue("worker-7"))).toEqual(expected);
  });

  it("refuses a certificate that does not verify", async () => {
    const served = await serveWho(false);
    await expect(who(served, STRANGER.issue("worker-7"))).rejects.toEqual(UNREACHABLE);
  });
});

describe("a server that requests none", () => {
  it("gives calls no certificate, even if the client has one", async () => {
    const { cert, key } = SERVER;
    const served = await serve(
      { "/test/Who": async (call) => void (await call.write([encode(call.clientCertificate)])) },
      { tls: { cert, key } },
    );
    expect(await who(served, AUTHORITY.issue("worker-7"))).toBe("none");
  });
});

describe("a TLS session", () => {
  const PREFACE = Buffer.concat([
    Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  ]);

  /** Whether the second of two connections resumes the session of the first. */
  async function isResumed(
    { port }: Pick<Served, "port">,
    maxVersion: "TLSv1.2" | "TLSv1.3",
  ): Promise<boolean> {
    const { cert, key } = AUTHORITY.issue("worker-7");
    const options = {
      port,
      host: "127.0.0.1",
      ca: AUTHORITY.cert,
      cert,
      key,
      maxVersion,
      ALPNProtocols: ["h2"],
    };
    const sessions: Buffer[] = [];
    const first = connect(options);
    onTestFinished(() => void first.destroy());
    first.on("session", (session) => sessions.push(session));
    first.write(PREFACE);
    await once(first, "data");
    first.resume().end();
    await closed(first);
    const [session] = sessions;
    const again = connect({ ...options, ...(session && { session }) });
    onTestFinished(() => void again.destroy());
    await once(again, "secureConnect");
    return again.isSessionReused();
  }

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "of %s is resumed where no certificate is requested",
    async (version) => {
      // Not with threads: each has keys of its own for its sessions.
      const server = new GrpcServer({ methods: new Map(), tls: { cert: SERVER.cert, key: SERVER.key } });
      onTestFinished(() => server.close());
      expect(await isResumed(await server.listen("127.0.0.1", 0), version)).toBe(true);
    },
  );

  it.each(["TLSv1.2", "TLSv1.3"] as const)(
    "of %s is not resumed with client certificates: each connection's is verified",
    async (version) => {
      expect(await isResumed(await serveWho(true), version)).toBe(false);
    },
  );
});

describe("a hostile certificate", () => {
  it.each([
    ["URI.1 = spiffe://a/b, DNS:admin", ["URI:spiffe://a/b, DNS:admin"]],
    ['URI.1 = spiffe://a/\\"b', ['URI:spiffe://a/"b']],
    ["DNS.1 = a\\, DNS:admin", ["DNS:a, DNS:admin"]],
    ["email.1 = x@y\\, CN=admin", ["email:x@y, CN=admin"]],
    ["dirName.1 = directory\n[directory]\nCN = x\\, DNS:admin", []],
    ["otherName.1 = 1.3.6.1.4.1.311.20.2.3;UTF8:x\\, DNS:admin", []],
    ["RID.1 = 1.2.3.4", []],
  ])("cannot make one name look like two: %s", async (name, alternativeNames) => {
    const served = await serveWho(true);
    const presented = AUTHORITY.issue("worker-7", { alternativeNames: [name] });
    expect(await who(served, presented)).toEqual({ commonName: "worker-7", alternativeNames });
  });

  it("with several common names has none", async () => {
    const presented = AUTHORITY.issue("", { commonNames: ["worker-7", "admin"] });
    expect(await who(await serveWho(true), presented)).toEqual({ alternativeNames: [] });
  });

  it("cannot hide a second common name in the first", async () => {
    const presented = AUTHORITY.issue("worker-7/CN=admin");
    const expected = { commonName: "worker-7/CN=admin", alternativeNames: [] };
    expect(await who(await serveWho(true), presented)).toEqual(expected);
  });

  it("with more names than the limit is refused", async () => {
    const count = LIMITS.clientCertificateNamesMax + 1;
    const alternativeNames = Array.from({ length: count }, (_, i) => `DNS.${i + 1} = h${i}`);
    const served = await serveWho(false);
    await expect(who(served, AUTHORITY.issue("worker-7", { alternativeNames }))).rejects.toEqual(UNREACHABLE);
  });

  it.each([
    ['DNS:"a', "a string without end"],
    ["DNS:a,DNS:b", "another separator"],
    ['DNS:"a"b', "a rest behind a string"],
    ['DNS:"\\x"', "an escape that JSON has not"],
    ["DNS", "no value"],
    [", DNS:a", "no type"],
    [`DNS:${"a".repeat(LIMITS.clientCertificateTextMax)}`, "more text than the limit"],
  ])("whose names have another form is refused: %.20s (%s)", (text) => {
    expect(parseAlternativeNames(text)).toBeUndefined();
  });
});

describe("the version of TLS", () => {
  it.each([["TLSv1"], ["TLSv1.1"]] as const)("%s is refused", async (version) => {
    const { port } = await serve({}, { tls: { cert: SERVER.cert, key: SERVER.key } });
    const socket = connect({
      ...{ port, host: "127.0.0.1", ca: AUTHORITY.cert, ALPNProtocols: ["h2"] },
      ...{ minVersion: version, maxVersion: version, ciphers: "DEFAULT:@SECLEVEL=0" },
    });
    const errors: Error[] = [];
    socket.on("error", (error) => errors.push(error));
    await closed(socket);
    expect(errors.map(({ message }) => message).join()).toMatch(/alert protocol version/);
  });
});
