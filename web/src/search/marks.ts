// Texts with their matches, as the server names them: in characters (code points). Pure.
import type { Highlight, Range } from '../api/types';

export interface Part {
  text: string;
  match: boolean;
}

export function partsOf(text: string, ranges: Range[]): Part[] {
  const characters = Array.from(text);
  const parts: Part[] = [];
  let at = 0;
  const upTo = (end: number, match: boolean) => {
    const stop = Math.min(Math.max(end, at), characters.length);
    if (stop > at) parts.push({ text: characters.slice(at, stop).join(''), match });
    at = stop;
  };
  for (const { begin = 0, end = 0 } of ranges) {
    upTo(begin, false);
    upTo(end, true);
  }
  upTo(characters.length, false);
  return parts;
}

// The whole of a text of which the highlight shows a part.
export function partsOfWhole(whole: string, highlight: Highlight | undefined): Part[] {
  const shown = highlight?.text ?? '';
  const at = shown ? whole.indexOf(shown) : -1;
  if (at < 0) return whole ? [{ text: whole, match: false }] : [];
  const parts = [
    { text: whole.slice(0, at), match: false },
    ...partsOf(shown, highlight?.ranges ?? []),
    { text: whole.slice(at + shown.length), match: false },
  ];
  return parts.filter((part) => part.text);
}

export function highlightOf(highlights: Highlight[], field: string, text?: string): Highlight | undefined {
  return highlights.find((one) => one.field === field && (text === undefined || one.text === text));
}
