/**
 * The Helm chart: its values against schema and README, and what it renders where helm is installed.
 *
 * HELM names the program, `helm` by default. Without it the chart is only checked as far as that goes without rendering.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { z } from "zod";
import { loadCacheConfig } from "../../src/config/load-cache-config.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { findTool, runTool } from "../support/tools.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const CHART = join(ROOT, "deploy/helm/flame-object-cache");
const MIB = 1024 ** 2;
const GIB = 1024 ** 3;
/** A helm that was built from source assumes a version that is too old. */
const KUBERNETES = ["--kube-version", "1.31.0"];

type Mapping = Record<string, unknown>;
interface Manifest extends Mapping {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

const read = (path: string): string => readFileSync(join(CHART, path), "utf8");
const chart = parse(read("Chart.yaml"));
const values = parse(read("values.yaml"));
const schema = z.fromJSONSchema(JSON.parse(read("values.schema.json")));
const samples = readdirSync(join(CHART, "ci")).map((name) => `ci/${name}`);
const helm = findTool("helm chart", [process.env.HELM || "helm"], ["version"]);
const directory = temporaryDirectory("helm");

afterAll(() => directory.remove());

/** Mappings are values of their own, or groups of values one level deep. */
function leavesOf(value: unknown, path: readonly string[] = []): [string, unknown][] {
  const isGroup =
    typeof value === "object" && !Array.isArray(value) && Object.keys(value as Mapping).length > 0;
  return isGroup && path.length < 2
    ? Object.entries(value as Mapping).flatMap(([name, each]) => leavesOf(each, [...path, name]))
    : [[path.join("."), value]];
}

describe("the values of the chart", () => {
  test("agree with the schema", () => {
    expect(schema.safeParse(values).error?.issues).toBeUndefined();
  });

  test("have a row each in README.md, with the default", () => {
    const rows = [...read("README.md").matchAll(/^\| `([\w.]+)` \| `(.*?)` \|/gm)];
    const expected = leavesOf(values).map(([name, value]) => [name, JSON.stringify(value)]);
    expect(rows.map(([, name, value]) => [name, value])).toEqual(expected);
  });

  test.each([
    ["a misspelled value", { persistance: { enabled: false } }],
    ["a misspelled value in a group", { cache: { ...values.cache, maxMemroy: "1G" } }],
    ["a size that is not one", { cache: { ...values.cache, capacity: "plenty" } }],
    ["a tag as a digest", { image: { ...values.image, digest: "latest" } }],
    [
      "an access mode that lets two pods write",
      { persistence: { ...values.persistence, accessModes: ["ReadWriteMany"] } },
    ],
    ["less time to stop than a stop can take", { terminationGracePeriodSeconds: 10 }],
    ["text as a switch", { tls: { ...values.tls, enabled: "yes" } }],
  ])("are refused by the schema with %s", (_, wrong) => {
    expect(schema.safeParse({ ...values, ...wrong }).success).toBe(false);
  });

  test.each(samples)("in %s agree with the schema", (sample) => {
    const changed = Object.entries(parse(read(sample)) as Mapping).map(([name, value]) => {
      const isGroup = typeof value === "object" && !Array.isArray(value);
      return [name, isGroup ? { ...values[name], ...value } : value];
    });
    expect(schema.safeParse({ ...values, ...Object.fromEntries(changed) }).error?.issues).toBeUndefined();
  });

  test("give the container 192 MiB more than the objects, and the volume 1 GiB more", () => {
    const env = {
      FLAME_HOME: directory.path,
      FLAME_CACHE_MAX_MEMORY: values.cache.maxMemory,
      FLAME_CACHE_CAPACITY: values.cache.capacity,
    };
    const { eviction, capacityBytes } = loadCacheConfig({ env }).config;
    expect(values.resources.limits.memory).toBe(`${eviction.maxMemoryBytes / MIB + 192}Mi`);
    expect(values.resources.requests.memory).toBe(values.resources.limits.memory);
    expect(values.persistence.size).toBe(`${capacityBytes! / GIB + 1}Gi`);
  });

  test("belong to the version of the package, and to the user of the image", () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8"));
    expect([chart.version, chart.appVersion]).toEqual([version, version]);
    const user = /^USER (\d+):(\d+)$/m.exec(readFileSync(join(ROOT, "Dockerfile"), "utf8")) ?? [];
    const { runAsUser, runAsGroup } = values.podSecurityContext;
    expect([runAsUser, runAsGroup].map(String)).toEqual(user.slice(1));
  });
});

describe.skipIf(helm === undefined)("helm", () => {
  /** @throws with what helm says if it refuses. */
  function render(...options: readonly string[]): Manifest[] {
    const args = ["template", "cache", CHART, "--namespace", "flame", ...KUBERNETES, ...options];
    const { code, stdout, stderr } = runTool([...helm!, ...args]);
    expect([code, stderr]).toEqual([0, ""]);
    const documents = parseAllDocuments(stdout).map((document) => document.toJS() as Manifest | null);
    return documents.filter((document) => document !== null);
  }

  const find = (manifests: readonly Manifest[], kind: string) =>
    manifests.filter((each) => each.kind === kind) as (Manifest & {
      spec: Mapping;
      data: Record<string, string>;
    })[];

  /** What the server makes of a rendered configuration. Its TLS and access files exist only in the pod. */
  function configOf(manifests: readonly Manifest[], more: Mapping = {}) {
    const text = find(manifests, "ConfigMap")[0]!.data["flame-cluster.yaml"]!;
    const { cache } = parse(text);
    const home = join(directory.path, "rendered");
    mkdirSync(home, { recursive: true });
    writeFileSync(join(home, "flame-cluster.yaml"), JSON.stringify({ cache: { ...cache, ...more } }));
    return { cache, ...loadCacheConfig({ env: { FLAME_HOME: home } }) };
  }

  test("lints the chart with its defaults and with each sample", () => {
    const files = samples.flatMap((sample) => [["--values", join(CHART, sample)]]);
    const outcomes = [[], ...files].map((options) =>
      runTool([...helm!, "lint", "--strict", CHART, ...KUBERNETES, ...options]),
    );
    expect(outcomes.map(({ code, stdout }) => [code, stdout.match(/\d+ chart\(s\) failed/)?.[0]])).toEqual(
      outcomes.map(() => [0, "0 chart(s) failed"]),
    );
  });

  test("renders a pod that is not root, cannot write to its root, and is probed on the admin port", () => {
    const [{ spec }] = find(render(), "StatefulSet") as unknown as [
      { spec: Mapping & { template: { spec: Mapping } } },
    ];
    const pod = spec.template.spec as { containers: Mapping[] } & Mapping;
    expect(pod).toMatchObject({
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 10001, seccompProfile: { type: "RuntimeDefault" } },
    });
    expect(pod.containers[0]).toMatchObject({
      image: `flame-object-cache:${chart.appVersion}`,
      securityContext: {
        readOnlyRootFilesystem: true,
        allowPrivilegeEscalation: false,
        capabilities: { drop: ["ALL"] },
      },
      livenessProbe: { httpGet: { path: "/healthz", port: "admin", scheme: "HTTP" } },
      readinessProbe: { httpGet: { path: "/readyz", port: "admin", scheme: "HTTP" } },
    });
  });

  test("renders a configuration that the server understands without a warning", () => {
    const { config, warnings } = configOf(render());
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      endpoint: { scheme: "grpc", host: "0.0.0.0", port: 9090 },
      advertise: { host: "cache-flame-object-cache.flame.svc", port: 9090 },
      admin: { host: "0.0.0.0", port: 9091 },
      storage: { kind: "files", directory: "/var/lib/flame-object-cache" },
      capacityBytes: 19 * GIB,
    });
  });

  test("renders TLS, access rules and the settings under `extra` into it", () => {
    const manifests = render("--values", join(CHART, "ci/secured.yaml"));
    const { cache, config, warnings } = configOf(manifests, {
      endpoint: "grpc://0.0.0.0:9090",
      admin: "127.0.0.1:9091",
      access: {},
      tls: {},
    });
    expect(warnings).toEqual([]);
    expect(cache).toMatchObject({
      endpoint: "grpcs://0.0.0.0:9090",
      advertise: "grpcs://cache-flame-object-cache.flame.svc:9090",
      admin: "https://0.0.0.0:9091",
      access: { file: "/etc/flame/access/access.yaml", require_auth: true },
      tls: {
        cert_file: "/etc/flame/tls/tls.crt",
        key_file: "/etc/flame/tls/tls.key",
        ca_file: "/etc/flame/tls/ca.crt",
      },
    });
    expect(config).toMatchObject({ verifyReads: "found", eviction: { policy: "lru", maxMemoryBytes: GIB } });
    expect(manifests.map(({ kind }) => kind).toSorted()).toEqual(
      "ConfigMap NetworkPolicy Pod PodDisruptionBudget Secret Service Service ServiceAccount ServiceMonitor StatefulSet".split(
        " ",
      ),
    );
  });

  test("keeps the admin port off the service for clients", () => {
    const ports = find(render(), "Service").map(({ spec }) =>
      (spec.ports as Mapping[]).map(({ name }) => name),
    );
    expect(ports).toEqual([["grpc"], ["grpc", "admin"]]);
  });

  test("renders no volume claim, no policy and no account if they are off", () => {
    const manifests = render("--values", join(CHART, "ci/in-memory.yaml"));
    expect(manifests.map(({ kind }) => kind).toSorted()).toEqual(
      "ConfigMap Pod Service Service StatefulSet".split(" "),
    );
    expect(find(manifests, "StatefulSet")[0]!.spec).not.toHaveProperty("volumeClaimTemplates");
  });

  test("renders pods over a bucket without a volume, that may reach the store, one at a time replaced", () => {
    const manifests = render("--values", join(CHART, "ci/bucket.yaml"));
    const { config, warnings } = configOf(manifests);
    expect(warnings).toEqual([]);
    expect(config).toMatchObject({
      storage: { kind: "s3", bucket: "company-caches", prefix: "team/one", region: "eu-west-1" },
      capacityBytes: undefined,
    });
    const [{ spec }] = find(manifests, "StatefulSet") as unknown as [{ spec: Mapping }];
    expect(spec).toMatchObject({ replicas: 5, podManagementPolicy: "Parallel" });
    expect(spec).not.toHaveProperty("volumeClaimTemplates");
    const pod = (spec.template as { spec: { volumes: Mapping[]; topologySpreadConstraints: Mapping[] } })
      .spec;
    expect(pod.volumes.map(({ name }) => name)).toEqual(["config"]);
    expect(pod.topologySpreadConstraints.map(({ topologyKey }) => topologyKey)).toEqual([
      "topology.kubernetes.io/zone",
      "kubernetes.io/hostname",
    ]);
    expect(find(manifests, "PodDisruptionBudget")[0]!.spec).toMatchObject({ maxUnavailable: 1 });
    const [{ metadata }] = find(manifests, "ServiceAccount") as unknown as [{ metadata: Mapping }];
    expect(metadata.annotations).toHaveProperty(["eks.amazonaws.com/role-arn"]);
  });

  test("gives pods over a bucket the credentials of a secret, and lets them out to a store anywhere", () => {
    const manifests = render(
      ...[
        "bucket.location=s3://box",
        "bucket.endpoint=http://store:8333",
        "bucket.existingSecret=keys",
      ].flatMap((setting) => ["--set", setting]),
    );
    expect(configOf(manifests).config.storage).toMatchObject({
      bucket: "box",
      endpoint: "http://store:8333",
    });
    const [{ spec }] = find(manifests, "StatefulSet") as unknown as [
      { spec: { replicas: number; template: { spec: { containers: [{ env: Mapping[] }] } } } },
    ];
    expect(spec.replicas).toBe(3);
    const names = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    expect(spec.template.spec.containers[0].env.slice(1)).toEqual(
      names.map((name) => ({ name, valueFrom: { secretKeyRef: { name: "keys", key: name } } })),
    );
    expect(find(manifests, "NetworkPolicy")[0]!.spec.egress).toEqual([{}]);
  });

  test("mounts a disk of the node for copies, and names it to the server", () => {
    const size = ["--set", "bucket.location=s3://box", "--set", "bucket.localCache.size=20Gi"];
    const manifests = render(...size, "--set", "bucket.localCache.capacity=19G");
    const { cache } = configOf(manifests);
    expect(cache).toMatchObject({ local_cache: "/var/lib/flame-object-cache", local_capacity: "19G" });
    expect(JSON.stringify(find(manifests, "StatefulSet"))).toContain('"emptyDir":{"sizeLimit":"20Gi"}');
  });

  test.each([
    ["bucket.localCache.size needs bucket.localCache.capacity", "bucket.localCache.size=1Gi"],
    ["access.enabled needs access.existingSecret or access.file", "access.enabled=true"],
    ["tls.enabled needs tls.existingSecret", "tls.enabled=true"],
    ["persistance", "persistance.enabled=false"],
  ])("refuses with: %s", (text, setting) => {
    const { code, stderr } = runTool([...helm!, "template", "cache", CHART, ...KUBERNETES, "--set", setting]);
    expect([code, stderr]).toEqual([1, expect.stringContaining(text)]);
  });
});
