// The justified grid. Only what is near the window is in the document.
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import { changes } from '../catalogue';
import { count } from '../format';
import { JustifiedLayout, targetHeight } from '../grid/layout';
import type { Found } from '../api/types';
import type { Results } from '../grid/results';
import { altOf, titleOf } from '../image_facts';
import { addressOf, openImage, opened, showView, similarTo } from '../router';
import { highlightOf } from '../search/marks';
import { LockIcon } from './icons';
import { withModifier, type Pressed } from './keys';
import { Marked } from './marked';
import { Picture } from './picture';

const GAP = 6;
// Firefox draws nothing beyond about 17.9 million pixels.
const HIGHEST_PX = 16_000_000;
const CALM_AFTER_MS = 110;

interface View {
  top: number;
  height: number;
  hurried: boolean;
}

// What part of `element` is in the window.
function useView(element: { current: HTMLElement | null }): View {
  const [view, setView] = useState<View>({ top: 0, height: innerHeight, hurried: false });
  useEffect(() => {
    let frame = 0;
    let timer = 0;
    let last = scrollY;
    const look = (hurried: boolean) => {
      const top = -(element.current?.getBoundingClientRect().top ?? 0);
      setView({ top, height: innerHeight, hurried });
    };
    const onScroll = () => {
      if (frame) return;
      frame = requestAnimationFrame(() => {
        frame = 0;
        // More than half a window at once: nobody sees the pictures in between.
        const hurried = Math.abs(scrollY - last) > innerHeight / 2;
        last = scrollY;
        look(hurried);
        clearTimeout(timer);
        if (hurried) timer = window.setTimeout(() => look(false), CALM_AFTER_MS);
      });
    };
    look(false);
    addEventListener('scroll', onScroll, { passive: true });
    addEventListener('resize', onScroll);
    return () => {
      removeEventListener('scroll', onScroll);
      removeEventListener('resize', onScroll);
      cancelAnimationFrame(frame);
      clearTimeout(timer);
    };
  }, []);
  return view;
}

function useWidth(element: { current: HTMLElement | null }): number {
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    if (!element.current) return;
    const observer = new ResizeObserver(([entry]) => setWidth(Math.floor(entry?.contentRect.width ?? 0)));
    observer.observe(element.current);
    setWidth(Math.floor(element.current.getBoundingClientRect().width));
    return () => observer.disconnect();
  }, []);
  return width;
}

export function Grid({ results }: { results: Results }) {
  changes.value;
  const list = useRef<HTMLUListElement>(null);
  const width = useWidth(list);
  const view = useView(list);
  // Which one Tab leads to. No state: the next key may come before the page is painted again.
  const focus = useRef(0);
  const follow = useRef(false);
  const [, paint] = useState(0);
  const shape = results.shape;
  const layout = useMemo(
    () => new JustifiedLayout(width, targetHeight(width), GAP, results.aspects),
    [results, width, shape],
  );
  if (width > 0) layout.grow();

  const tail = layout.estimate(results.total - layout.count);
  const height = Math.min(HIGHEST_PX, layout.height + (tail > 0 ? GAP + tail : 0));
  const rows = rowsInView(layout, view);
  const current = Math.min(focus.current, Math.max(0, layout.count - 1));
  // What has the focus stays in the document however far it is scrolled away.
  const focused = layout.count > 0 ? layout.rowOf(current) : 0;
  if (layout.rows > 0 && !rows.includes(focused)) {
    rows.push(focused);
    rows.sort((a, b) => a - b);
  }

  // Of the pictures in the window, also where their places are only guessed.
  const each = Math.max(1, layout.estimate(100)) / 100;
  const inTail = Math.max(0, view.top + view.height - layout.height);
  const first = layout.rows > 0 ? (layout.rowItems(layout.rowAt(view.top))[0]?.index ?? 0) : 0;
  const beyond = layout.count + Math.ceil((view.top - layout.height) / each);
  const from = view.top > layout.height ? Math.min(results.total - 1, beyond) : first;
  const to = Math.min(
    results.total,
    Math.max(from + 1, from + Math.ceil((view.height + Math.min(inTail, view.height)) / each)),
  );
  useEffect(() => {
    // Who looks at one image large says themselves which others they want.
    if (width > 0 && !opened.peek()) results.want(Math.max(0, from), to);
  }, [results, from, to, width, results.known, shape]);

  useLayoutEffect(() => {
    if (!follow.current) return;
    const link = list.current?.querySelector<HTMLElement>(`[data-index="${current}"] a`);
    if (!link) return;
    follow.current = false;
    link.focus({ preventScroll: true });
  });

  const show = (index: number) => {
    const row = layout.rowOf(index);
    const above = list.current?.getBoundingClientRect().top ?? 0;
    const top = above + layout.rowTop(row);
    const bottom = top + layout.rowHeight(row);
    const header = 72;
    if (top < header) scrollBy({ top: top - header - GAP });
    else if (bottom > innerHeight) scrollBy({ top: bottom - innerHeight + GAP * 2 });
  };
  const moveTo = (index: number) => {
    const next = Math.max(0, Math.min(layout.count - 1, index));
    focus.current = next;
    follow.current = true;
    paint((n) => n + 1);
    show(next);
  };

  // Details were closed: the focus comes back to the picture that was shown last.
  const shown = opened.value;
  const before = useRef('');
  useEffect(() => {
    if (!shown && before.current) {
      const index = results.indexOf(before.current);
      if (index >= 0) moveTo(index);
    }
    before.current = shown;
  }, [shown]);

  const onKeyDown = (event: Pressed) => {
    if (withModifier(event)) return;
    const from = Math.min(focus.current, layout.count - 1);
    const row = layout.rowOf(from);
    const perPage = Math.max(1, Math.floor(innerHeight / (layout.target + GAP)) - 1);
    const moves: Record<string, () => number> = {
      ArrowLeft: () => from - 1,
      ArrowRight: () => from + 1,
      ArrowUp: () => layout.neighbour(from, -1),
      ArrowDown: () => layout.neighbour(from, 1),
      PageUp: () => layout.neighbour(from, -Math.min(perPage, row)),
      PageDown: () => layout.neighbour(from, Math.min(perPage, layout.rows - 1 - row)),
      Home: () => 0,
      End: () => layout.count - 1,
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    moveTo(move());
  };

  return (
    <ul
      ref={list}
      id="grid"
      class="grid"
      role="list"
      style={{ height: `${height}px` }}
      aria-label={`Images, ${count(results.total)}`}
      onKeyDown={onKeyDown}
    >
      {rows.flatMap((row) =>
        layout.rowItems(row).map(({ index, x, width: itemWidth }) => {
          const image = results.at(index);
          const rowHeight = layout.rowHeight(row);
          return (
            <li
              key={image?.id ?? `at-${index}`}
              data-index={index}
              aria-posinset={index + 1}
              aria-setsize={results.total}
              style={{
                width: `${itemWidth}px`,
                height: `${rowHeight}px`,
                transform: `translate(${x}px, ${layout.rowTop(row)}px)`,
              }}
            >
              {image && (
                <a
                  href={addressOf(image.id)}
                  aria-label={altOf(image)}
                  tabIndex={index === current ? 0 : -1}
                  onFocus={() => {
                    focus.current = index;
                    paint((n) => n + 1);
                  }}
                  onClick={(event) => {
                    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
                    event.preventDefault();
                    openImage(image.id);
                  }}
                >
                  <Picture image={image} pixels={itemWidth} hurried={view.hurried} />
                  <span class="caption" aria-hidden="true">
                    {image.visibility !== 'PUBLIC' && image.visibility && <LockIcon />}
                    <Caption image={image} />
                  </span>
                </a>
              )}
              {image && <SimilarBadge image={image} current={index === current} />}
            </li>
          );
        }),
      )}
      {tail > 0 && (
        <li
          class="tail"
          role="presentation"
          style={{
            height: `${height - layout.height - GAP}px`,
            transform: `translateY(${layout.height + GAP}px)`,
            backgroundSize: `100% ${layout.target + GAP}px, ${Math.round(layout.target * 1.5) + GAP}px 100%`,
          }}
        />
      )}
    </ul>
  );
}

// The title with its matches; if there are none in it, where there are some.
function Caption({ image }: { image: Found }) {
  const highlights = image.hit?.highlights ?? [];
  const inTitle = image.title ? highlightOf(highlights, 'title') : undefined;
  const elsewhere = inTitle ? undefined : highlights.find((one) => one.field !== 'title');
  return (
    <span class="lines">
      <span>
        <Marked text={titleOf(image)} highlight={inTitle} />
      </span>
      {elsewhere && (
        <span class="elsewhere">
          <Marked text={elsewhere.text ?? ''} highlight={elsewhere} />
        </span>
      )}
    </span>
  );
}

// How many near duplicates it stands for; leads to them.
function SimilarBadge({ image, current }: { image: Found; current: boolean }) {
  const similar = Number(image.hit?.similarCount ?? 0);
  if (!(similar > 0)) return null;
  const target = similarTo(image.id);
  return (
    <a
      class="badge"
      href={addressOf('', target)}
      tabIndex={current ? 0 : -1}
      onClick={(event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
        event.preventDefault();
        showView(target);
      }}
    >
      +{count(similar)} similar
    </a>
  );
}

// With one window more above and below, so that scrolling meets what is there.
function rowsInView(layout: JustifiedLayout, view: View): number[] {
  if (layout.rows === 0) return [];
  const margin = Math.min(view.height, 900);
  const rows = [];
  const last = layout.rowAt(view.top + view.height + margin);
  for (let row = layout.rowAt(view.top - margin); row <= last; row += 1) rows.push(row);
  return rows;
}
