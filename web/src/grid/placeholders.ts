// ThumbHashes as pictures of a few pixels.
import { thumbHashToDataURL } from 'thumbhash';

const MOST = 1000;
const made = new Map<string, string>();

// A CSS background, '' for none or for what is no ThumbHash.
export function placeholder(hash: string | undefined): string {
  if (!hash) return '';
  let background = made.get(hash);
  if (background !== undefined) return background;
  try {
    const bytes = Uint8Array.from(atob(hash), (c) => c.charCodeAt(0));
    background = bytes.length >= 5 && bytes.length <= 25 ? `url("${thumbHashToDataURL(bytes)}")` : '';
  } catch {
    background = '';
  }
  if (made.size >= MOST) made.delete(made.keys().next().value ?? '');
  made.set(hash, background);
  return background;
}
