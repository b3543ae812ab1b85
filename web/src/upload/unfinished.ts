// Which upload a file belongs to, so that it goes on after this tab was loaded anew. Ids, no
// secrets: the URLs for the bytes are asked for again.
const KEY = 'stockroom.uploads';
// A tab that was left open for weeks shall not gather them for ever.
const MOST = 100;

type Ids = Record<string, string>;

function read(): Ids {
  try {
    const value: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? '{}');
    return typeof value === 'object' && value !== null ? (value as Ids) : {};
  } catch {
    return {}; // nothing is remembered where storage is blocked
  }
}

function write(ids: Ids): void {
  const kept = Object.entries(ids).slice(-MOST);
  try {
    if (kept.length > 0) sessionStorage.setItem(KEY, JSON.stringify(Object.fromEntries(kept)));
    else sessionStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}

// Another file of this name, length and time would have to be another version of it.
export function nameOf(file: File): string {
  return [file.name, file.size, file.lastModified, file.type].join('/');
}

export function remembered(name: string): string {
  return read()[name] ?? '';
}

export function remember(name: string, id: string): void {
  const { [name]: _, ...others } = read();
  write({ ...others, [name]: id });
}

export function forget(name: string): void {
  const { [name]: _, ...others } = read();
  write(others);
}

export function forgetAll(): void {
  write({});
}
