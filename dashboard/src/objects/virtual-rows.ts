/**
 * Which rows of a long list are on the screen: those of the scrolled part and some around it.
 */
import type { RefObject } from "preact";
import { useEffect, useState } from "preact/hooks";

export const ROW_HEIGHT = 30;
const AROUND = 12;

export interface VirtualRows {
  readonly first: number;
  /** After the last one. */
  readonly end: number;
}

export function useVirtualRows(box: RefObject<HTMLElement | null>, length: number): VirtualRows {
  const [view, setView] = useState({ top: 0, height: 600 });
  useEffect(() => {
    const target = box.current!;
    const read = () => {
      const top = Math.floor(target.scrollTop / ROW_HEIGHT) * ROW_HEIGHT;
      const height = target.clientHeight;
      setView((now) => (now.top === top && now.height === height ? now : { top, height }));
    };
    const resized = new ResizeObserver(read);
    resized.observe(target);
    target.addEventListener("scroll", read, { passive: true });
    return () => {
      resized.disconnect();
      target.removeEventListener("scroll", read);
    };
  }, [box]);
  const first = Math.max(0, Math.floor(view.top / ROW_HEIGHT) - AROUND);
  const end = Math.min(length, Math.ceil((view.top + view.height) / ROW_HEIGHT) + AROUND);
  return { first: Math.min(first, end), end };
}

/** Scrolls so that a row is inside the box, below a sticky head. */
export function showRow(box: HTMLElement, number: number, headHeight: number): void {
  const top = number * ROW_HEIGHT;
  const visibleHeight = box.clientHeight - headHeight;
  if (top < box.scrollTop) box.scrollTop = top;
  else if (top + ROW_HEIGHT > box.scrollTop + visibleHeight) box.scrollTop = top + ROW_HEIGHT - visibleHeight;
}
