/**
 * The files of deploy/ for Prometheus and Grafana: they parse, and name only metrics that a scrape has.
 *
 * Names are taken from PromQL by removing what is not a name: strings, label matchers, ranges, groupings and numbers.
 * promtool checks the files too where it is installed.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { METRIC_FAMILIES } from "../../../src/service/admin/metrics/metrics-route.ts";
import { pathDescriptor, valuePut } from "../../support/flight-messages.ts";
import { startScraped } from "../../support/scraped-server.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary-directory.ts";

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string };
}

interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly gridPos: { readonly h: number; readonly w: number; readonly x: number; readonly y: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
}

const ALERTS_FILE = "deploy/prometheus/alerts.yaml";
const CONFIG_FILE = "deploy/prometheus/prometheus.yml";
const read = (path: string): string => readFileSync(path, "utf8");

const alerts = (parse(read(ALERTS_FILE)) as { groups: { rules: AlertRule[] }[] }).groups.flatMap(
  ({ rules }) => rules,
);
const dashboard = JSON.parse(read("deploy/grafana/flame-object-cache.json")) as {
  id?: number;
  uid: string;
  panels: Panel[];
  templating: { list: { name: string; type: string; query: unknown }[] };
};
const panels = dashboard.panels.filter(({ type }) => type !== "row");
const expressions = [
  ...alerts.map(({ alert, expr }) => ({ place: alert, expr })),
  ...panels.flatMap(({ title, targets = [] }) => targets.map(({ expr }) => ({ place: title, expr }))),
];

const KEYWORDS = /^(?:and|or|unless|bool|offset|ignoring|on|group_left|group_right|inf|nan)$/i;
/** Made by Prometheus itself. */
const SYNTHETIC = ["up"];

/** Names of metrics in an expression, and of labels in its matchers and groupings. */
function namesIn(expr: string): { metrics: string[]; labels: string[] } {
  const labels: string[] = [];
  const collect = (list: string): string => {
    labels.push(...[...list.matchAll(/([a-zA-Z_]\w*)\s*(?:=~|!~|!=|=|,|$)/g)].map((match) => match[1]!));
    return " ";
  };
  const text = expr
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, "")
    .replaceAll(/\{([^}]*)\}/g, (_, list: string) => collect(list))
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)/g, (_, list: string) =>
      collect(list),
    )
    .replaceAll(/\[[^\]]*\]/g, " ");
  const names = [...text.matchAll(/(?<![\w.])([a-zA-Z_:][\w:]*)(?!\w)(?!\s*\()/g)].map((match) => match[1]!);
  return { metrics: names.filter((name) => !KEYWORDS.test(name)), labels };
}

/** Names of samples, and names of labels, that servers of several kinds have. */
const scraped = { metrics: new Set<string>(SYNTHETIC), labels: new Set(["instance", "job"]) };
/** No server of this test has an object store. */
const OF_STORES = new Set(METRIC_FAMILIES.map(({ name }) => name).filter((name) => /_store_/.test(name)));
let directory: TemporaryDirectory;
let scrapedText = "";

beforeAll(async () => {
  directory = temporaryDirectory("monitoring");
  const eviction = { policy: "lru", maxMemoryBytes: 2 ** 26, maxObjects: 100 } as const;
  const files = { capacityBytes: 2 ** 30, durability: "power-loss" } as const;
  await using volatile = await startScraped(undefined, { eviction });
  await using durable = await startScraped(directory.path, files);
  await durable.client.put(valuePut(pathDescriptor("a/s/o"), "x"));
  for (const server of [volatile, durable]) {
    for (const { samples } of (await server.scrape("prometheus")).values()) {
      for (const { name, labels } of samples) {
        scraped.metrics.add(name);
        for (const label of Object.keys(labels)) scraped.labels.add(label);
      }
    }
  }
  scrapedText = await durable.scrapeText("prometheus");
});

afterAll(() => directory.remove());

describe("names in PromQL", () => {
  it.each([
    ["a_total", ["a_total"], []],
    [
      'sum by (job, le) (rate(b_bucket{x=~"y|z", k!="{q}"}[5m])) > 0.1',
      ["b_bucket"],
      ["job", "le", "x", "k"],
    ],
    ["a / on (instance) group_left b unless c offset 5m == 1e9", ["a", "b", "c"], ["instance"]],
  ])("of %s are found", (expr, metrics, labels) => {
    const found = namesIn(expr);
    expect([found.metrics, found.labels.toSorted()]).toEqual([metrics, labels.toSorted()]);
  });
});

describe("alerts and dashboard", () => {
  it.each(expressions)("$place names only metrics and labels of a scrape: $expr", ({ expr }) => {
    const { metrics, labels } = namesIn(expr);
    expect(metrics).not.toEqual([]);
    expect(metrics.filter((name) => !scraped.metrics.has(name) && !OF_STORES.has(name))).toEqual([]);
    expect(labels.filter((name) => !scraped.labels.has(name))).toEqual([]);
  });

  it("notice a metric that does not exist", () => {
    const { metrics } = namesIn('rate(flame_cache_call_total{code="OK"}[5m])');
    expect(metrics.filter((name) => !scraped.metrics.has(name))).toEqual(["flame_cache_call_total"]);
  });
});

describe("an alert", () => {
  it("has a name of its own, a severity and a summary", () => {
    expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
    for (const { alert, labels, annotations } of alerts) {
      expect(alert).toMatch(/^FlameCache[A-Z]/);
      expect(["critical", "warning"]).toContain(labels.severity);
      expect(annotations.summary).toContain("$labels.instance");
    }
  });

  it("has its row in docs/metrics.md, with what it means and what to do", () => {
    const rows = read("docs/metrics.md").matchAll(/^\| (FlameCache\w+) \| [^|]{20,} \| [^|]{20,} \|$/gm);
    expect([...rows].map((match) => match[1])).toEqual(alerts.map(({ alert }) => alert));
  });
});

describe("the dashboard", () => {
  it("can be imported: no identity of another Grafana, and every panel uses the chosen data source", () => {
    expect(dashboard.id).toBeUndefined();
    expect(dashboard.templating.list[0]).toMatchObject({ name: "datasource", query: "prometheus" });
    expect(panels.map(({ datasource }) => datasource?.uid)).toEqual(panels.map(() => "${datasource}"));
  });

  it("has panels with identities of their own that do not overlap", () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
      Array.from({ length: w * h }, (_, index) => `${x + (index % w)} ${y + Math.floor(index / w)}`),
    );
    expect(new Set(cells).size).toBe(cells.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
    expect(Math.max(...dashboard.panels.map(({ gridPos: { x, w } }) => x + w))).toBe(24);
  });

  it("has the rows that an operator looks for", () => {
    const rows = dashboard.panels.filter(({ type }) => type === "row").map(({ title }) => title);
    expect(rows).toEqual([
      "Overview",
      "Traffic",
      "Latency",
      "Memory and disk against their bounds",
      "Evictions",
      "Durability",
      "Process",
    ]);
  });

  it("shows every metric of the cache", () => {
    const shown = new Set(expressions.flatMap(({ expr }) => namesIn(expr).metrics));
    const families = [...scraped.metrics].map((name) => name.replace(/_(?:bucket|sum|count)$/, ""));
    const hidden = families.filter((name) => ![...shown].some((each) => each.startsWith(name)));
    expect(hidden).toEqual([]);
  });
});

describe("the configuration of Prometheus", () => {
  it("loads the alerts, and names the job that they name", () => {
    const config = parse(read(CONFIG_FILE)) as {
      rule_files: string[];
      scrape_configs: { job_name: string }[];
    };
    expect(config.rule_files).toEqual(["alerts.yaml"]);
    expect(config.scrape_configs.map(({ job_name }) => job_name)).toEqual(["flame-object-cache"]);
  });
});

/** Undefined if it can be run; the tests are skipped otherwise. */
const absence = absenceOfPromtool();

function absenceOfPromtool(): string | undefined {
  try {
    execFileSync("promtool", ["--version"], { stdio: "pipe" });
    return undefined;
  } catch (error) {
    return `promtool is not there: ${(error as Error).message}`;
  }
}

describe.skipIf(absence !== undefined)("promtool, if it is installed,", () => {
  const promtool = (args: readonly string[], input = ""): string =>
    execFileSync("promtool", args, { encoding: "utf8", input });

  it("accepts the alerts", () => {
    expect(promtool(["check", "rules", ALERTS_FILE])).toContain("SUCCESS");
  });

  it("accepts the configuration", () => {
    expect(promtool(["check", "config", CONFIG_FILE])).toContain("SUCCESS");
  });

  it("accepts a scrape and finds no name that breaks the conventions", () => {
    expect(promtool(["check", "metrics"], scrapedText)).toBe("");
  });
});
