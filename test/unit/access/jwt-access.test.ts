/**
 * The section `jwt` of an access file: a token of the provider is the identity that lists its subject, and a wrong section is refused.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { FileAccess } from "../../../src/access/file-access.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { keySetText, makeKey, ProviderClock, type ProviderKey } from "./identity-provider.ts";

const SECTION = "jwt: {issuer: https://issuer.example, audience: flame-object-cache, jwks_file: keys.json}";
const IDENTITIES = `identities:
  - name: worker
    jwt: [worker-7, worker-8]
    rules: [{allow: [get], on: ["app/*"]}]
  - name: worker-9
    rules: [{allow: [get], on: ["app/*"]}]
`;
const REFUSED = expect.objectContaining({ code: "UNAUTHENTICATED" });

let key: ProviderKey;
let file: string;
let keysFile: string;
const clock = new ProviderClock();
clock.nowMs = Date.now();

beforeAll(async () => {
  key = await makeKey("ES256", "elliptic");
});
beforeEach(() => {
  const directory = temporaryDirectory("jwt-access");
  onTestFinished(() => directory.remove());
  [file, keysFile] = [join(directory.path, "access.yaml"), join(directory.path, "keys.json")];
  writeFileSync(file, `${SECTION}\n${IDENTITIES}`);
  writeFileSync(keysFile, keySetText(key));
});

function open(): FileAccess {
  const access = new FileAccess(file);
  onTestFinished(() => access.close());
  return access;
}

const present = async (access: FileAccess, token: string): Promise<string | undefined> =>
  (await access.identify({ authorization: `Bearer ${token}`, certificate: undefined, address: "" })).name;

const tokenOf = (sub: string): Promise<string> => clock.token(key, { claims: { sub } });

describe("a token of the identity provider", () => {
  it("is the identity that lists its subject", async () => {
    const access = open();
    expect(await present(access, await tokenOf("worker-7"))).toBe("worker");
    expect(await present(access, await tokenOf("worker-8"))).toBe("worker");
  });

  it("is nobody if no identity lists its subject, even if one has that name", async () => {
    await expect(present(open(), await tokenOf("worker-9"))).rejects.toEqual(REFUSED);
  });

  it("is refused if its signature is another's, with the same answer", async () => {
    const stranger = await makeKey("ES256", "elliptic");
    await expect(present(open(), await clock.token(stranger))).rejects.toEqual(REFUSED);
  });

  it("ends with its subject, and with the section, when the file is read again", async () => {
    const access = open();
    const token = await tokenOf("worker-7");
    expect(await present(access, token)).toBe("worker");
    writeFileSync(file, `${SECTION}\n${IDENTITIES.replace("worker-7, ", "")}`);
    access.reload();
    await expect(present(access, token)).rejects.toEqual(REFUSED);
    expect(await present(access, await tokenOf("worker-8"))).toBe("worker");
    writeFileSync(file, IDENTITIES);
    access.reload();
    await expect(present(access, await tokenOf("worker-8"))).rejects.toEqual(REFUSED);
    writeFileSync(file, `${SECTION.replace("issuer.example", "other.example")}\n${IDENTITIES}`);
    access.reload();
    const other = await clock.token(key, { claims: { iss: "https://other.example" } });
    expect(await present(access, other)).toBe("worker");
  });
});

describe("a wrong section", () => {
  it.each([
    ["jwt: yes", "jwt must be a mapping"],
    ["jwt: {issuer: x, audience: y}", "jwt must have either jwks_file or jwks_url"],
    ["jwt: {audience: y, jwks_file: z}", "jwt.issuer must be text of 1 to 1024 characters"],
    ["jwt: {issuer: x, audience: [], jwks_file: z}", "jwt.audience must be text or a list of texts"],
    ["jwt: {issuer: x, audience: y, jwks_url: 'http://h/'}", "jwt.jwks_url must be an https:// URL"],
    [
      "jwt: {issuer: x, audience: y, jwks_file: z, algorithms: [HS256]}",
      "jwt.algorithms[0] must be one of RS256",
    ],
    [
      "jwt: {issuer: x, audience: y, jwks_file: z, clock_tolerance: 1h}",
      "jwt.clock_tolerance must be at most 5 minutes",
    ],
    ["jwt: {issuer: x, audience: y, jwks_file: z, secret: s}", "jwt has an unknown key"],
  ])("is INVALID_CONFIG and names key and line: %s", (section, text) => {
    writeFileSync(file, `${IDENTITIES}${section}\n`);
    expect(() => new FileAccess(file)).toThrow(text);
    expect(() => new FileAccess(file)).toThrow("access.yaml:7)");
    expect(() => new FileAccess(file)).toThrow("INVALID_CONFIG");
  });

  it("keeps the rules and the section before when the file is read again", async () => {
    const access = open();
    writeFileSync(file, `jwt: {issuer: x}\n${IDENTITIES}`);
    access.reload();
    expect(await present(access, await tokenOf("worker-7"))).toBe("worker");
  });
});
