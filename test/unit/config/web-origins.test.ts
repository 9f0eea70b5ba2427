/**
 * The origins of web pages in the configuration.
 */
import { expect, it } from "vitest";
import { originsSchema } from "../../../src/config/web-origins.ts";

it.each([
  ["none", []],
  ["*", ["*"]],
  ["https://app.example", ["https://app.example"]],
  ["https://app.example, http://localhost:5173", ["https://app.example", "http://localhost:5173"]],
])("%j is %j", (text, origins) => {
  expect(originsSchema.parse(text)).toEqual(origins);
});

it.each([
  "app.example",
  "https://app.example/",
  "https://app.example/page",
  "https://a.example,,",
  "null",
  "",
])("%j is refused", (text) => {
  expect(originsSchema.safeParse(text).success).toBe(false);
});
