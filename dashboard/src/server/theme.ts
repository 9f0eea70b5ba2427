/**
 * Light or dark: as the system prefers, or as the user chose on this page.
 *
 * The choice is an attribute of the root element, which the style sheet reads.
 */
import { Store } from "../api/store.ts";

export type Theme = "system" | "light" | "dark";

const THEMES: readonly Theme[] = ["system", "light", "dark"];
const STORED_AS = "flame-cache-theme";

export const theme = new Store<Theme>("system");

export function startTheme(): void {
  setTheme(readStored());
}

export function nextTheme(): Theme {
  return THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
}

export function setTheme(next: Theme): void {
  if (next === "system") document.documentElement.removeAttribute("data-theme");
  else document.documentElement.setAttribute("data-theme", next);
  try {
    localStorage.setItem(STORED_AS, next);
  } catch {
    // The browser forbids storage: the choice ends with the page.
  }
  theme.set(next);
}

function readStored(): Theme {
  try {
    return THEMES.find((each) => each === localStorage.getItem(STORED_AS)) ?? "system";
  } catch {
    return "system";
  }
}
