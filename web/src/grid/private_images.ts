// Pictures that only somebody signed in may see. <img> sends no header fields, so these are fetched
// and shown from memory; the longest unused ones are given back.
import { authorization } from '../api/session';

const MOST_BYTES = 96e6;
const MOST_ENTRIES = 400;

interface Entry {
  url: string;
  bytes: number;
  users: number;
}

const entries = new Map<string, Promise<Entry>>();
const held = new Map<string, Entry>(); // in order of use

async function load(path: string): Promise<Entry> {
  const response = await fetch(path, { headers: authorization(), credentials: 'omit' });
  if (!response.ok) throw new Error(`The picture is not there (${response.status}).`);
  const blob = await response.blob();
  return { url: URL.createObjectURL(blob), bytes: blob.size, users: 0 };
}

// A blob: URL for a path. It is kept at least until release().
export async function acquire(path: string): Promise<string> {
  let entry = entries.get(path);
  if (!entry) {
    entry = load(path);
    entries.set(path, entry);
    entry.catch(() => entries.delete(path));
  }
  const loaded = await entry;
  loaded.users += 1;
  held.delete(path);
  held.set(path, loaded);
  trim();
  return loaded.url;
}

export function release(path: string): void {
  const entry = held.get(path);
  if (entry) entry.users -= 1;
  trim();
}

function trim(): void {
  let bytes = 0;
  for (const entry of held.values()) bytes += entry.bytes;
  for (const [path, entry] of held) {
    if (bytes <= MOST_BYTES && held.size <= MOST_ENTRIES) return;
    if (entry.users > 0) continue;
    URL.revokeObjectURL(entry.url);
    held.delete(path);
    entries.delete(path);
    bytes -= entry.bytes;
  }
}

// Nobody's pictures stay after signing out.
export function forgetAll(): void {
  for (const entry of held.values()) URL.revokeObjectURL(entry.url);
  held.clear();
  entries.clear();
}
