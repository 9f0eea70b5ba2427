/**
 * The schema of a setting that is on or off: in YAML also a boolean, elsewhere one of a few words.
 */
import { z } from "zod";
import { textSchema } from "./text-schema.ts";

const ON = ["1", "true", "yes", "on"];
const OFF = ["0", "false", "no", "off"];

export const switchSchema = z.preprocess(
  (raw) => (typeof raw === "boolean" ? String(raw) : raw),
  textSchema((text, refuse): boolean => {
    const word = text.toLowerCase();
    if (ON.includes(word)) return true;
    return OFF.includes(word) ? false : refuse("must be true or false");
  }),
);
