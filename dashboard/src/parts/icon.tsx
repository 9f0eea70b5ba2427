/**
 * The icons of the page: strokes on a grid of 20, in the colour of the text beside them.
 */

const PATHS = {
  chart: "M3 16V9M8 16V4M13 16v-5M18 16V7",
  boxes: "M3 3h6v6H3zM12 3h5v9h-5zM3 12h6v5H3zM12 15h5v2h-5z",
  question:
    "M7 7.5a3 3 0 1 1 4.2 2.7c-.8.4-1.2 1-1.2 1.8v.5M10 15.8v.2M10 18.5a8.5 8.5 0 1 1 0-17 8.5 8.5 0 0 1 0 17Z",
  sliders: "M3 6h8M15 6h2M3 14h2M9 14h8M13 8V4M7 16v-4",
  lines: "M3 4h14M3 8h9M3 12h14M3 16h6",
  moon: "M16.5 12A7 7 0 1 1 8 3.5a5.5 5.5 0 0 0 8.5 8.5Z",
  sun: "M10 13.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7ZM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6 16 16M4 16l1.4-1.4M14.6 5.4 16 4",
  half: "M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15ZM10 2.5v15M10 5.5h4.8M10 10h7.3M10 14.5h4.8",
  key: "M12.5 11a4 4 0 1 0-3.7-2.5L3 14.3V17h2.7l.8-.8v-1.7h1.7l.8-.8v-1.6l.7-.7a4 4 0 0 0 2.8.6ZM13.5 6.5h.1",
  pin: "M12 2.5 17.5 8l-1.2.6-3.1 3.1-.4 3.3-1.3 1.3-3.8-3.8L3 17l4.5-4.7-3.8-3.8L5 7.2l3.3-.4 3.1-3.1Z",
  down: "M10 3v10M6 9.5l4 4 4-4M3.5 17h13",
  bin: "M4 5.5h12M8 5V3h4v2M5.5 5.5l.7 11h7.6l.7-11M8.5 8.5v5M11.5 8.5v5",
  copy: "M7 7h9v10H7zM13 7V3H4v10h3",
  search: "M9 15A6 6 0 1 0 9 3a6 6 0 0 0 0 12ZM13.5 13.5 17.5 17.5",
  open: "M7.5 5l5 5-5 5",
  pause: "M6.5 4v12M13.5 4v12",
  play: "M6 4l10 6-10 6Z",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" focusable="false">
      <path
        d={PATHS[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.6"
        stroke-linejoin="round"
        stroke-linecap="round"
      />
    </svg>
  );
}
