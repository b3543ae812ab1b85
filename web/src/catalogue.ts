// What is shown: the results of the query in the address bar, kept up to date by events.
import { effect, signal } from '@preact/signals';
import { Feed } from './api/feed';
import { ApiError, call, comeBackAfter, isPassing } from './api/http';
import { me, signInWanted, strangersMayLook, token } from './api/session';
import type { FeedEvent, Image, SearchAnswer, WhoAmI } from './api/types';
import { Results } from './grid/results';
import { opened, view, type Order, type View } from './router';
import { findUpload, noteProcessed, ownImages } from './upload/uploads';

export const results = signal<Results | null>(null);
// Grows with every change inside `results`.
export const changes = signal(0);
// Images that a new search would find above the first one; "more than" at LOOK_AHEAD.
export const fresh = signal(0);
// Why the query could not be answered at all.
export const failure = signal<unknown>(null);
export const searching = signal(true);
// The last image that events told of, for whoever shows it.
export const touched = signal<FeedEvent | null>(null);

export const LOOK_AHEAD = 50;
const LOOK_AFTER_MS = 300;
// Somebody may be putting in thousands; one look counts them all.
const LOOK_EVERY_MS = 2000;
const RETRY_MS = 12_000;
// Nearer to the top than this, new pictures may slide in.
const AT_TOP_PX = 160;

let coming: Results | null = null;
// What was asked, and by whom, for `coming` and for what is shown.
let comingFor = '';
let shownFor = '';
let retryTimer = 0;
let feeding = false;

const ORDER_NAMES: Record<Order, string> = {
  '': '',
  relevance: 'RELEVANCE',
  popular: 'POPULAR',
  largest: 'LARGEST',
  similar: 'MOST_SIMILAR',
  random: 'RANDOM',
};

function searchPath({ q, order, seed, group }: View, size: number, pageToken = ''): string {
  const parameters = new URLSearchParams({ page_size: String(size) });
  if (q) parameters.set('q', q);
  if (q) parameters.set('highlight', 'true');
  if (order) parameters.set('order', ORDER_NAMES[order]);
  if (order === 'random') parameters.set('seed', seed);
  if (group) parameters.set('collapse_similar', 'true');
  if (pageToken) parameters.set('page_token', pageToken);
  return `/v1/search?${parameters}`;
}

// Makes the results anew. Those shown stay until the first page is there.
export function search(asked: View): void {
  coming?.dispose();
  clearTimeout(retryTimer);
  searching.value = true;
  const made: Results = new Results(
    (pageToken, size, abort) => call<SearchAnswer>(searchPath(asked, size, pageToken), { signal: abort }),
    () => onChange(made),
  );
  coming = made;
  comingFor = JSON.stringify([asked, token.peek()]);
  made.want(0, 60);
}

function onChange(made: Results): void {
  if (made === coming && (made.begun || made.error)) {
    coming = null;
    searching.value = false;
    clearTimeout(retryTimer);
    const passing = !made.begun && isPassing(made.error);
    if (passing) retryTimer = window.setTimeout(refresh, comeBackAfter(made.error, RETRY_MS));
    if (!made.begun) made.dispose();
    // A server that is busy for a moment takes nothing away from what is shown.
    if (passing && results.peek() && shownFor === comingFor) return;
    shownFor = comingFor;
    fresh.value = 0;
    failure.value = made.begun ? null : made.error;
    results.peek()?.dispose();
    results.value = made.begun ? made : null;
    if (made.begun && !feeding) {
      feeding = true;
      feed.start(made.feedPosition);
    }
  }
  changes.value += 1;
}

export function refresh(): void {
  search(view.peek());
}

let lookTimer = 0;
let lookedAt = 0;
let looking: AbortController | null = null;

// Counts what is new instead of moving what somebody looks at.
function lookSoon(): void {
  if (lookTimer) return;
  const wait = Math.max(LOOK_AFTER_MS, lookedAt + LOOK_EVERY_MS - Date.now());
  lookTimer = window.setTimeout(() => {
    lookTimer = 0;
    lookedAt = Date.now();
    void look();
  }, wait);
}

async function look(): Promise<void> {
  const shown = results.peek();
  if (!shown || coming) return refresh();
  const calm = scrollY < AT_TOP_PX && !opened.peek();
  if (view.peek().order) {
    // What is new may stand anywhere: nothing to announce.
    if (calm) refresh();
    return;
  }
  looking?.abort();
  looking = new AbortController();
  try {
    const answer = await call<SearchAnswer>(searchPath(view.peek(), LOOK_AHEAD), { signal: looking.signal });
    if (shown !== results.peek()) return;
    const images = answer.images ?? [];
    const known = images.findIndex((image) => shown.indexOf(image.id) >= 0);
    const added = known < 0 ? images : images.slice(0, known);
    const own = added.every((image) => ownImages.has(image.id));
    if (added.length > 0 && calm && (own || shown.total === 0)) refresh();
    else fresh.value = added.length;
  } catch {
    // The next event, or a search, will tell.
  }
}

// Records that changed, read again one after the other: all of them may be made anew at once.
const stale = new Set<string>();
let rereading = false;

async function rereadSoon(id: string): Promise<void> {
  stale.add(id);
  if (rereading) return;
  rereading = true;
  for (const next of stale) {
    stale.delete(next);
    if ((results.peek()?.indexOf(next) ?? -1) >= 0) await reread(next);
  }
  rereading = false;
}

async function reread(id: string): Promise<void> {
  try {
    const image = await call<Image>(`/v1/images/${encodeURIComponent(id)}`);
    const { analysis: _, ...basic } = image;
    results.peek()?.replace(basic);
  } catch {
    // It stays as it was; the next event or search tells.
  }
}

function onEvent(event: FeedEvent): void {
  const shown = results.peek();
  touched.value = event;
  const here = (shown?.indexOf(event.imageId) ?? -1) >= 0;
  // What moderation hides is found by nobody any more.
  const hidden = event.type === 'image.flagged' || event.type === 'image.rejected';
  if (event.type === 'image.deleted' || hidden) shown?.remove(event.imageId);
  else if (here && event.type !== 'image.failed') void rereadSoon(event.imageId);
  if (event.type === 'image.ready' || event.type === 'image.failed' || hidden) {
    if (findUpload(event.imageId)) void noteProcessed(event.imageId);
  }
  const appeared = event.type === 'image.ready' || event.type === 'image.approved';
  if (appeared && !here) lookSoon();
}

const feed = new Feed({
  onEvent,
  onGap: () => {
    feeding = false;
    lookSoonAfterGap();
  },
});

// From the position of a new answer on; what is shown stays where it is.
function lookSoonAfterGap(): void {
  call<SearchAnswer>(searchPath(view.peek(), 1))
    .then((answer) => {
      feeding = true;
      feed.start(answer.feedPosition ?? '');
      lookSoon();
    })
    .catch((error: unknown) => {
      // Whoever has to sign in first is not asked again and again; their next search begins anew.
      if (error instanceof ApiError && error.status === 401) return;
      setTimeout(() => feeding || lookSoonAfterGap(), RETRY_MS);
    });
}

async function whoAmI(): Promise<void> {
  const asked = token.peek();
  const who = await call<WhoAmI>('/v1/me').catch(() => null);
  // An answer about who was here before tells nothing.
  if (asked !== token.peek()) return;
  me.value = who;
  if (who && !who.anonymous) signInWanted.value = null;
  if (who && !asked) noteStrangers(who);
}

function noteStrangers(stranger: WhoAmI): void {
  strangersMayLook.value = (stranger.scopes ?? []).includes('images:read');
}

// Whoever comes back with a token has to ask without it, as <img> and links do.
async function whoAreStrangers(): Promise<void> {
  try {
    const response = await fetch('/v1/me', { credentials: 'omit' });
    if (response.ok) noteStrangers((await response.json()) as WhoAmI);
  } catch {
    // What they are refused is fetched with the token all the same, picture by picture.
  }
}

export function begin(): void {
  effect(() => {
    // Whoever signs in or out sees other images.
    token.value;
    feeding = false;
    feed.stop();
    void whoAmI();
  });
  if (token.peek()) void whoAreStrangers();
  effect(() => {
    token.value;
    search(view.value);
  });
}
