/**
 * Writes docs/typescript-api.md from the declarations in dist/: `npm run build` first.
 *
 * It follows the exports of the two entry points to the files that declare them and relies on the layout that tsc gives to
 * declarations: a top-level declaration begins in column 0, a member behind four spaces. Classes and functions become
 * sections, interfaces and types are shown as they are declared. With `--print` the page goes to standard output.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const PAGE = join(ROOT, "docs", "typescript-api.md");
const WIDTH = 100;
const ENTRY_POINTS = [
  {
    name: "flame-object-cache/client",
    file: "dist/client/index.d.ts",
    about: "Clients of the cache and of any Arrow Flight server.",
  },
  { name: "flame-object-cache", file: "dist/index.d.ts", about: "A cache server inside a Node process." },
];
const OPENING = `# TypeScript API

This page is the reference of the npm package: every export of its two entry points. \`npm run docs\`
generates it from the declarations. For an introduction read [client.md](client.md) and
[flight-client.md](flight-client.md); for a walk-through, [guide.md](guide.md).
`;

/** Blocks of lines that begin at one indentation, each with the comment above it. */
function blocksOf(lines, indent) {
  const starts = new RegExp(`^ {${indent}}[^\\s}\\])*|&?:]`);
  const blocks = [];
  let comment = [];
  let isComment = false;
  for (const line of lines) {
    if (line.startsWith(`${" ".repeat(indent)}/**`)) {
      comment = [];
      isComment = true;
    }
    if (isComment) {
      comment.push(line);
      isComment = !line.trimEnd().endsWith("*/");
    } else if (starts.test(line)) {
      blocks.push({ comment, lines: [line] });
      comment = [];
    } else blocks.at(-1)?.lines.push(line);
  }
  return blocks;
}

/** Name -> declaration of one file, re-exports followed. */
function exportsOf(file) {
  const found = new Map();
  for (const block of blocksOf(readFileSync(join(ROOT, file), "utf8").split("\n"), 0)) {
    const text = block.lines.join("\n").trimEnd();
    const from = /^export (?:type )?\{([\s\S]*?)\} from "(.*?)";/.exec(text);
    if (from !== null) {
      const target = join(dirname(file), from[2].replace(/\.ts$/, ".d.ts"));
      const declared = exportsOf(target);
      for (const name of from[1].split(",").map((each) => each.replace(/\btype\b/, "").trim())) {
        if (name !== "") found.set(name, declared.get(name));
      }
    }
    const name = /^export (?:declare )?(?:abstract )?(?:class|interface|type|const|function) (\w+)/.exec(
      text,
    )?.[1];
    if (name === undefined) continue;
    const earlier = found.get(name);
    if (earlier === undefined) found.set(name, { comment: block.comment, texts: [text] });
    else earlier.texts.push(text);
  }
  return found;
}

function wrap(text, first = "", rest = "") {
  const lines = [first];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    const isEmpty = line === first || line === rest;
    if (!isEmpty && line.length + 1 + word.length > WIDTH) lines.push(rest + word);
    else lines[lines.length - 1] = isEmpty ? line + word : `${line} ${word}`;
  }
  return lines.join("\n");
}

/** A documentation comment as Markdown. */
function prose(comment) {
  const text = comment
    .join("\n")
    .replace(/^\s*\/\*\*|\*\/\s*$/g, "")
    .replace(/^\s*\* ?/gm, "")
    .replace(/\{@link ([\w.]+)\}/g, "`$1`")
    .trim();
  const [opening = "", ...tags] = `\n${text}`.split(/\s(?=@(?:param|returns|throws)\b)/);
  const items = tags.map((tag) => {
    const [, kind, rest] = /^@(\w+)\s+([\s\S]*)$/.exec(tag) ?? ["", "", tag];
    if (kind === "param") return wrap(rest.replace(/^(\w+)\s*/, "`$1`: "), "- ", "  ");
    const said = rest.replace(/^\{([^}]+)\}\s*/, "`$1` ");
    return wrap(`${kind === "returns" ? "Returns" : "Throws"} ${said}`, "- ", "  ");
  });
  const paragraphs =
    opening.trim() === ""
      ? []
      : opening
          .trim()
          .split(/\n\s*\n/)
          .map((each) => wrap(each.trim()));
  return [...paragraphs, items.join("\n")].filter((part) => part !== "").join("\n\n");
}

const code = (text) => `\`\`\`ts\n${text}\n\`\`\``;
const section = (...parts) => `${parts.filter((part) => part !== "").join("\n\n")}\n`;
const undented = (lines) =>
  lines
    .map((line) => line.replace(/^ {4}/, ""))
    .join("\n")
    .trimEnd();

const HIDDEN_MEMBER = /^ {4}(?:#private|private |protected |readonly name =|\[Symbol)/;

function classSections(name, { comment, texts }) {
  const [head, ...rest] = texts[0].split("\n");
  const sections = [
    section(`### ${name}`, code(head.replace(/^export declare /, "").replace(/\s*\{$/, "")), prose(comment)),
  ];
  const members = new Map();
  for (const member of blocksOf(rest.slice(0, -1), 4)) {
    if (HIDDEN_MEMBER.test(member.lines[0])) continue;
    const text = undented(member.lines);
    const title = /^(?:static |readonly |override |get |async )*(\w+)/.exec(text)?.[1] ?? text;
    const earlier = members.get(title);
    if (earlier === undefined) members.set(title, { comment: member.comment, texts: [text] });
    else earlier.texts.push(text);
  }
  for (const [title, member] of members) {
    const heading = title === "constructor" ? `new ${name}` : `${name}.${title}`;
    sections.push(section(`#### ${heading}`, code(member.texts.join("\n")), prose(member.comment)));
  }
  return sections.join("\n");
}

/** The declaration as it is, two spaces for four. */
function declaration(text) {
  return text
    .replace(/^export (declare )?/gm, "")
    .replace(/^( {4})+/gm, (spaces) => " ".repeat(spaces.length / 2));
}

function describe(name, exported) {
  if (exported === undefined) throw new Error(`${name} is exported and not declared`);
  if (/^export declare (?:abstract )?class /.test(exported.texts[0])) return classSections(name, exported);
  return section(`### ${name}`, code(exported.texts.map(declaration).join("\n")), prose(exported.comment));
}

function kindOf({ texts: [text] }) {
  if (/^export declare (?:abstract )?class /.test(text)) return 0;
  return /^export declare function /.test(text) ? 1 : 2;
}

const TITLES = ["Classes", "Functions", "Types"];

function entryPoint({ name, file, about }) {
  const exported = [...exportsOf(file)];
  const groups = TITLES.map((title, kind) => {
    const members = exported.filter(([, each]) => kindOf(each) === kind);
    return members.length === 0
      ? ""
      : `**${title}**\n\n${members.map(([each, it]) => describe(each, it)).join("\n")}`;
  });
  return `## ${name}\n\n${about}\n\n${groups.filter((group) => group !== "").join("\n")}`;
}

const page = [OPENING, ...ENTRY_POINTS.map(entryPoint)].join("\n");
if (process.argv.includes("--print")) process.stdout.write(page);
else writeFileSync(PAGE, page);
