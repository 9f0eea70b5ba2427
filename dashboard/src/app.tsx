/**
 * The frame of the page: navigation, the view that the address selects, and the dialog for a token.
 */
import { useEffect, useRef } from "preact/hooks";
import { askForToken, session } from "./api/session.ts";
import { useStore } from "./api/store.ts";
import { ObjectView } from "./object/object-view.tsx";
import { ObjectsView } from "./objects/objects-view.tsx";
import { Overview } from "./overview/overview.tsx";
import { Icon, type IconName } from "./parts/icon.tsx";
import { TokenDialog } from "./parts/token-dialog.tsx";
import { addressOf, type Place, place, type ViewName } from "./router.ts";
import { ConfigView } from "./server/config-view.tsx";
import { LogView } from "./server/log-view.tsx";
import { nextTheme, setTheme, theme } from "./server/theme.ts";
import { WhyView } from "./why/why-view.tsx";

const LINKS: readonly { readonly view: ViewName; readonly name: string; readonly icon: IconName }[] = [
  { view: "overview", name: "Overview", icon: "chart" },
  { view: "objects", name: "Objects", icon: "boxes" },
  { view: "why", name: "Why", icon: "question" },
  { view: "config", name: "Configuration", icon: "sliders" },
  { view: "log", name: "Log", icon: "lines" },
];

export function App() {
  const { view, key } = useStore(place);
  const main = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    document.title = `${titleOf(view, key)} · Flame Object Cache`;
    // A screen reader announces the new view, as after a page load.
    if (!isFirst.current) main.current?.focus({ preventScroll: true });
    isFirst.current = false;
    scrollTo(0, 0);
  }, [view, key]);
  return (
    <div class="page">
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="side">
        <a class="brand" href="#/" aria-label="Flame Object Cache, overview">
          <img src="/favicon.svg" alt="" width="26" height="26" />
          <span>
            Flame <b>Object Cache</b>
          </span>
        </a>
        <nav aria-label="Views">
          {LINKS.map(({ view: to, name, icon }) => (
            <a
              key={to}
              href={addressOf(to)}
              class="nav-link"
              aria-current={to === view || (to === "objects" && view === "object") ? "page" : undefined}
            >
              <Icon name={icon} />
              <span>{name}</span>
            </a>
          ))}
        </nav>
        <div class="side-foot">
          <ThemeButton />
          <TokenButton />
        </div>
      </header>
      <main id="main" ref={main} tabIndex={-1}>
        <View view={view} key={view === "object" || view === "why" ? `${view} ${key}` : view} place={key} />
      </main>
      <TokenDialog />
    </div>
  );
}

function View({ view, place: key }: { view: ViewName; place: Place["key"] }) {
  switch (view) {
    case "overview":
      return <Overview />;
    case "objects":
      return <ObjectsView start={key} />;
    case "object":
      return <ObjectView objectKey={key} />;
    case "why":
      return <WhyView objectKey={key} />;
    case "config":
      return <ConfigView />;
    case "log":
      return <LogView />;
  }
}

function titleOf(view: ViewName, key: string): string {
  if (view === "object") return key;
  return LINKS.find((link) => link.view === view)?.name ?? "Overview";
}

const THEME_TEXTS = { system: "System theme", light: "Light theme", dark: "Dark theme" } as const;
const THEME_ICONS = { system: "half", light: "sun", dark: "moon" } as const;

function ThemeButton() {
  const now = useStore(theme);
  const text = THEME_TEXTS[now];
  return (
    <button
      type="button"
      class="quiet"
      onClick={() => setTheme(nextTheme())}
      aria-label={`${text}. Change it.`}
      title={text}
    >
      <Icon name={THEME_ICONS[now]} />
      <span class="side-text">{text}</span>
    </button>
  );
}

function TokenButton() {
  const { token } = useStore(session);
  const text = token === undefined ? "Use a token" : "Token in use";
  return (
    <button type="button" class="quiet" aria-label={text} title={text} onClick={askForToken}>
      <Icon name="key" />
      <span class="side-text">{text}</span>
    </button>
  );
}
