/**
 * Lists in package-lock.json the optional platform packages that a registry mirror does not offer.
 *
 * `npm install` leaves out what it cannot see, and `npm ci` then refuses the lock, on every platform. Entries added here
 * carry version and platform, so that they are passed over where they do not fit. Run it after `npm install`.
 */
import { readFileSync, writeFileSync } from "node:fs";

const SYSTEMS = [
  "android",
  "darwin",
  "freebsd",
  "linux",
  "netbsd",
  "openbsd",
  "openharmony",
  "sunos",
  "win32",
];
const PROCESSORS = ["arm64", "x64", "arm", "ia32", "loong64", "mips64el", "ppc64", "riscv64", "s390x"];

const lock = JSON.parse(readFileSync("package-lock.json", "utf8"));
const packages = lock.packages;
const missing = Object.entries(packages).flatMap(([path, { dev, optionalDependencies }]) =>
  Object.entries(optionalDependencies ?? {})
    .filter(
      ([name]) => !(`${path}/node_modules/${name}` in packages) && !(`node_modules/${name}` in packages),
    )
    .map(([name, version]) => ({ name, version, dev })),
);
for (const { name, version, dev } of missing) {
  const words = name.split("/").at(-1).split("-");
  const os = SYSTEMS.filter((system) => words.includes(system));
  if (os.length === 0) throw new Error(`${name} names no platform: it has to be installed, not listed`);
  const cpu = PROCESSORS.filter((processor) => words.includes(processor));
  const libc = words.includes("musl") ? { libc: ["musl"] } : {};
  packages[`node_modules/${name}`] = { version, cpu, ...(dev && { dev }), ...libc, optional: true, os };
}
lock.packages = Object.fromEntries(Object.entries(packages).sort(([a], [b]) => (a < b ? -1 : 1)));
writeFileSync("package-lock.json", `${JSON.stringify(lock, null, 2)}\n`);
console.log(`${missing.length} optional platform packages added`);
