/**
 * Light or dark: as the system prefers, or as the user chose on this page.
 *
 * The style sheet reads the look from an attribute of the root element.
 */
import { Store } from "../api/store.ts";

export type Theme = "system" | "light" | "dark";

const THEMES: readonly Theme[] = ["system", "light", "dark"];
const STORED_AS = "flame-cache-theme";

const DARK = matchMedia("(prefers-color-scheme: dark)");

/** What the user chose. */
export const theme = new Store<Theme>("system");
/** What the page shows. */
export const isDark = new Store(false);

export function startTheme(): void {
  setTheme(readStored());
  DARK.addEventListener("change", showTheme);
}

export function nextTheme(): Theme {
  return THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
}

export function setTheme(next: Theme): void {
  try {
    localStorage.setItem(STORED_AS, next);
  } catch {
    // The browser forbids storage: the choice ends with the page.
  }
  theme.set(next);
  showTheme();
}

function showTheme(): void {
  const next = theme.value === "system" ? DARK.matches : theme.value === "dark";
  document.documentElement.setAttribute("data-theme", next ? "dark" : "light");
  isDark.set(next);
}

function readStored(): Theme {
  try {
    return THEMES.find((each) => each === localStorage.getItem(STORED_AS)) ?? "system";
  } catch {
    return "system";
  }
}
