// The address bar: /?q=... and /image/ID?q=...
import { batch, signal } from '@preact/signals';

export const query = signal('');
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
  batch(() => {
    query.value = new URLSearchParams(location.search).get('q') ?? '';
    opened.value = id;
  });
}

read();
addEventListener('popstate', read);

export function addressOf(image: string, q = query.value): string {
  const search = q ? `?q=${encodeURIComponent(q)}` : '';
  return (image ? `/image/${encodeURIComponent(image)}` : '/') + search;
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
  go(addressOf('', q), !step, false);
}

export function openImage(id: string): void {
  go(addressOf(id), opened.value !== '', true);
}

export function closeImage(): void {
  if (isInside()) history.back();
  else go(addressOf(''), true, false);
}
