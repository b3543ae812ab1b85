// Pictures that only somebody signed in may see. <img> sends no header fields, so these are fetched
// and shown from memory; the longest unused ones are given back.
import { authorization } from '../api/session';

const MOST_BYTES = 96e6;
const MOST_ENTRIES = 400;

interface Entry {
  url: string; // '' while it is loaded
  bytes: number;
  users: number;
  // Of nobody any more: a load under way has nothing to keep.
  readonly gone: AbortController;
  loaded: Promise<string>;
}

export interface Hold {
  // A blob: URL, good until release().
  readonly url: Promise<string>;
  release(): void;
}

const entries = new Map<string, Entry>(); // in order of use

async function load(path: string, entry: Entry): Promise<string> {
  const signal = entry.gone.signal;
  const response = await fetch(path, { headers: authorization(), credentials: 'omit', signal });
  if (!response.ok) throw new Error(`The picture is not there (${response.status}).`);
  const blob = await response.blob();
  signal.throwIfAborted();
  entry.bytes = blob.size;
  entry.url = URL.createObjectURL(blob);
  trim();
  return entry.url;
}

function begin(path: string): Entry {
  const entry: Entry = {
    url: '',
    bytes: 0,
    users: 0,
    gone: new AbortController(),
    loaded: Promise.resolve(''),
  };
  entry.loaded = load(path, entry);
  entry.loaded.catch(() => {
    if (entries.get(path) === entry) entries.delete(path);
  });
  return entry;
}

function drop(entry: Entry): void {
  entry.gone.abort();
  if (entry.url) URL.revokeObjectURL(entry.url);
}

export function hold(path: string): Hold {
  const entry = entries.get(path) ?? begin(path);
  entry.users += 1;
  entries.delete(path);
  entries.set(path, entry);
  let held = true;
  const release = () => {
    if (!held) return;
    held = false;
    entry.users -= 1;
    // Scrolled past before it was there.
    if (entry.users === 0 && !entry.url && entries.get(path) === entry) {
      entries.delete(path);
      drop(entry);
    }
    trim();
  };
  return { url: entry.loaded, release };
}

function trim(): void {
  let bytes = 0;
  for (const entry of entries.values()) bytes += entry.bytes;
  for (const [path, entry] of entries) {
    if (bytes <= MOST_BYTES && entries.size <= MOST_ENTRIES) return;
    if (entry.users > 0) continue;
    entries.delete(path);
    drop(entry);
    bytes -= entry.bytes;
  }
}

// Nobody's pictures stay after signing out.
export function forgetAll(): void {
  for (const entry of entries.values()) drop(entry);
  entries.clear();
}
