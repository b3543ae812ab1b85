// The address bar: /?q=...&order=...&seed=...&group=1 and /image/ID?q=...
import { batch, computed, signal } from '@preact/signals';
import { wantsSimilar } from './search/query';

export const ORDERS = ['', 'relevance', 'popular', 'largest', 'similar', 'random'] as const;
// '': newest first.
export type Order = (typeof ORDERS)[number];

// What is asked for, and how it is shown.
export interface View {
  q: string;
  order: Order;
  // For the random order.
  seed: string;
  // Of near duplicates only the best.
  group: boolean;
}

const HOME: View = { q: '', order: '', seed: '', group: false };
export const view = signal<View>(HOME);
export const query = computed(() => view.value.q);
// Id of the image whose details are shown, '' for none.
export const opened = signal('');

function read(): void {
  const path = /^\/image\/([^/]+)\/?$/.exec(location.pathname);
  let id = '';
  try {
    id = decodeURIComponent(path?.[1] ?? '');
  } catch {
    // Not an address of ours.
  }
  const parameters = new URLSearchParams(location.search);
  const order = ORDERS.find((one) => one === parameters.get('order')) ?? '';
  const next: View = {
    q: parameters.get('q') ?? '',
    order,
    seed: order === 'random' ? (/^\d{1,9}$/.exec(parameters.get('seed') ?? '')?.[0] ?? '1') : '',
    group: parameters.get('group') === '1',
  };
  batch(() => {
    if (JSON.stringify(next) !== JSON.stringify(view.peek())) view.value = next;
    opened.value = id;
  });
}

read();
addEventListener('popstate', read);

export function addressOf(image: string, { q, order, seed, group }: View = view.value): string {
  const parts = [
    q && `q=${encodeURIComponent(q)}`,
    order && `order=${order}`,
    order === 'random' && `seed=${seed}`,
    group && 'group=1',
  ].filter((part) => part);
  const search = parts.length > 0 ? `?${parts.join('&')}` : '';
  return (image ? `/image/${encodeURIComponent(image)}` : '/') + search;
}

// The image's own address, whatever was searched for.
export function ownAddressOf(image: string): string {
  return addressOf(image, HOME);
}

function go(url: string, replace: boolean, inside: boolean): void {
  if (replace) history.replaceState({ inside: inside || isInside() }, '', url);
  else history.pushState({ inside }, '', url);
  read();
}

// True if "back" leads to the grid.
function isInside(): boolean {
  return (history.state as { inside?: boolean } | null)?.inside === true;
}

// `step`: a new entry of the history; false while somebody is still typing.
export function setQuery(q: string, step: boolean): void {
  if (q === query.value && !opened.value) return;
  go(addressOf('', withQuery(q)), !step, false);
}

// What was most similar to something is that no more without it.
function withQuery(q: string): View {
  const { order } = view.value;
  return { ...view.value, q, order: order === 'similar' && !wantsSimilar(q) ? '' : order };
}

export function setOrder(order: Order): void {
  const seed = order === 'random' ? String(1 + Math.floor(Math.random() * 999_999_998)) : '';
  go(addressOf('', { ...view.value, order, seed }), false, false);
}

export function setGroup(group: boolean): void {
  go(addressOf('', { ...view.value, group }), false, false);
}

export function goHome(): void {
  if (addressOf('') !== '/' || opened.value) go('/', false, false);
}

// All that look like an image, the most similar first.
export function similarTo(id: string): View {
  return { ...HOME, q: `similar:${id}`, order: 'similar' };
}

export function showView(next: View): void {
  go(addressOf('', next), false, false);
}

export function openImage(id: string): void {
  go(addressOf(id), opened.value !== '', true);
}

export function closeImage(): void {
  if (isInside()) history.back();
  else go(addressOf(''), true, false);
}
