// The search language (docs/search.md) as chips and free text. Pure.
//
// Chips are filters that hold all of them, besides whatever the text says. What connects terms in
// another way (OR, NOT, parentheses) stays text, in parentheses where chips stand before it.

export const CHIP_KEYS = [
  'tags',
  'date',
  'from',
  'to',
  'desc',
  'md5',
  'format',
  'license',
  'orientation',
  'camera',
  'lens',
  'color',
  'dataset',
  'owner',
  'state',
  'similar',
] as const;
export type ChipKey = (typeof CHIP_KEYS)[number];

export interface Chip {
  key: ChipKey;
  value: string;
}

export interface Query {
  chips: Chip[];
  // Words and phrases as typed; also whatever could not be read, so that the server says why.
  text: string;
}

interface Term {
  raw: string;
  chips: Chip[]; // empty: words
  closed: boolean; // white space follows, or a value in quotes ended
}

function isKey(word: string): word is ChipKey {
  return (CHIP_KEYS as readonly string[]).includes(word);
}

class Reader {
  private at = 0;
  constructor(private readonly text: string) {}

  next(): Term | null {
    while (this.at < this.text.length && /\s/u.test(this.peek())) this.at += 1;
    if (this.at >= this.text.length) return null;
    const begin = this.at;
    const key = /^([a-z]+):/iu.exec(this.text.slice(begin))?.[1]?.toLowerCase();
    let chips: Chip[] = [];
    if (key !== undefined && isKey(key)) {
      this.at += key.length + 1;
      chips = this.values(key);
      // An empty or unfinished value is still being typed, or a mistake: left as text.
      if (chips.some((chip) => chip.value === '')) chips = [];
    } else {
      // title:"two words" is one term.
      while (this.at < this.text.length && !/\s/u.test(this.peek())) {
        if (this.peek() === '"') this.quoted();
        else this.bare(/[\s"]/u);
      }
    }
    const quotedEnd = this.at > begin + 1 && this.text[this.at - 1] === '"';
    return {
      raw: this.text.slice(begin, this.at),
      chips,
      closed: this.at < this.text.length || quotedEnd,
    };
  }

  private peek(): string {
    return this.text[this.at] ?? '';
  }

  private values(key: ChipKey): Chip[] {
    const list = key === 'tags';
    const chips: Chip[] = [];
    for (;;) {
      const value = this.peek() === '"' ? this.quoted() : this.bare(list ? /[\s,]/u : /\s/u);
      chips.push({ key, value: value.trim() });
      if (!list || this.peek() !== ',') return chips;
      this.at += 1;
    }
  }

  private bare(stop: RegExp): string {
    const begin = this.at;
    while (this.at < this.text.length && !stop.test(this.peek())) this.at += 1;
    return this.text.slice(begin, this.at);
  }

  // "" if the quote is never closed.
  private quoted(): string {
    const end = this.text.indexOf('"', this.at + 1);
    const begin = this.at + 1;
    this.at = end < 0 ? this.text.length : end + 1;
    return end < 0 ? '' : this.text.slice(begin, end);
  }
}

function read(q: string, takes: (term: Term) => boolean): Query {
  const query: Query = { chips: [], text: '' };
  const reader = new Reader(q);
  const words: string[] = [];
  for (let term = reader.next(); term; term = reader.next()) {
    if (term.chips.length > 0 && takes(term)) query.chips.push(...term.chips);
    else words.push(term.raw);
  }
  query.text = words.join(' ');
  query.chips = unique(query.chips);
  return query;
}

// Without what stands in quotes.
function unquoted(text: string): string {
  return text.replaceAll(/"[^"]*("|$)/gu, ' ');
}

// Something else than "all of these" is said.
export function isConnected(text: string): boolean {
  return /[()]|(^|\s)(AND|OR|NOT|&&|\|\|)(\s|$)|(^|\s)[-!]\S/u.test(unquoted(text));
}

// Whether more has to come before it can be read.
export function isUnfinished(typed: string): boolean {
  const bare = unquoted(typed);
  return (
    (typed.split('"').length - 1) % 2 === 1 ||
    bare.split('(').length !== bare.split(')').length ||
    /(^|\s)(AND|OR|NOT|&&|\|\||[-!(]+)\s*$/u.test(bare) ||
    /(^|[\s(])[-!]?[a-z]+(:|[<>]=?)("[^"]*)?[^\s)]*$/iu.test(typed)
  );
}

// There is something that results could be the most similar to.
export function wantsSimilar(q: string): boolean {
  return /(^|[\s(])(similar|hash):\S/iu.test(q);
}

// Whether the parenthesis at the beginning is closed at the end only.
function isEnclosed(text: string): boolean {
  const bare = text.replaceAll(/"[^"]*"/gu, (quoted) => ' '.repeat(quoted.length));
  if (!bare.startsWith('(') || !bare.endsWith(')')) return false;
  let depth = 0;
  for (let i = 0; i < bare.length - 1; i += 1) {
    if (bare[i] === '(') depth += 1;
    if (bare[i] === ')') depth -= 1;
    if (depth === 0) return false;
  }
  return true;
}

export function parseQuery(q: string): Query {
  if (!isConnected(q)) return read(q, () => true);
  // The filters that formatQuery put before the parentheses.
  const reader = new Reader(q);
  const chips: Chip[] = [];
  let rest = q.trim();
  for (let term = reader.next(); term && term.chips.length > 0; term = reader.next()) {
    chips.push(...term.chips);
    rest = rest.slice(term.raw.length).trimStart();
  }
  if (chips.length === 0 || !isEnclosed(rest)) return { chips: [], text: q.trim() };
  return { chips: unique(chips), text: rest.slice(1, -1).trim() };
}

// What somebody has typed so far: a filter becomes a chip once they go on after it.
export function takeFinished(typed: string): Query {
  if (isConnected(typed)) return { chips: [], text: typed };
  const query = read(typed, (term) => term.closed);
  // Somebody who types wants their spaces to stay where they are.
  return query.chips.length === 0 ? { chips: [], text: typed } : query;
}

export function formatQuery(query: Query): string {
  const text = query.text.trim();
  const kept = query.chips.length > 0 && isConnected(text) ? `(${text})` : text;
  return [...query.chips.map(formatChip), kept].filter((part) => part).join(' ');
}

export function formatChip(chip: Chip): string {
  // There is no way to write a quote inside quotes.
  const value = chip.value.replaceAll('"', ' ').trim();
  return `${chip.key}:${/[\s,]/u.test(value) ? `"${value}"` : value}`;
}

export function withChip(query: Query, chip: Chip): Query {
  // A second from: or format: would only contradict the first.
  const single = chip.key !== 'tags' && chip.key !== 'desc';
  const kept = single ? query.chips.filter((c) => kindOf(c) !== kindOf(chip)) : query.chips;
  return { text: query.text, chips: unique([...kept, chip]) };
}

export function withoutChip(query: Query, chip: Chip): Query {
  return { text: query.text, chips: query.chips.filter((c) => !same(c, chip)) };
}

export function hasChip(query: Query, chip: Chip): boolean {
  return query.chips.some((c) => same(c, chip));
}

// A year is a date of which only the year counts: every server knows those.
export function yearChip(year: string): Chip {
  return { key: 'date', value: `*-*-${year}` };
}

export function chipLabel(chip: Chip): { name: string; value: string } {
  switch (chip.key) {
    case 'tags':
      return { name: 'tag', value: chip.value };
    case 'desc':
      return { name: 'description', value: chip.value };
    case 'license':
      return { name: 'licence', value: chip.value };
    case 'color':
      return { name: 'colour', value: chip.value };
    case 'similar':
      return { name: 'looks like', value: chip.value.slice(0, 8) };
    case 'date':
      return { name: yearOf(chip) ? 'year' : 'date', value: dateLabel(chip.value) };
    case 'from':
    case 'to':
      return { name: chip.key, value: dateLabel(chip.value) };
    default:
      return { name: chip.key, value: chip.value };
  }
}

const MONTHS = 'January February March April May June July August September October November December';

function dateLabel(value: string): string {
  const [day = '', month = '', year = ''] = value.split('-');
  const name = MONTHS.split(' ')[Number(month) - 1];
  if (!/^(\d{1,2}|\*)$/.test(day) || !/^(\d{4}|\*)$/.test(year) || (month !== '*' && !name)) {
    return value;
  }
  const parts = [day === '*' ? '' : String(Number(day)), name ?? '', year === '*' ? '' : year];
  if (month === '*' && day !== '*') return value;
  return parts.filter((part) => part).join(' ') || value;
}

function yearOf(chip: Chip): string {
  return /^\*-\*-(\d{4})$/.exec(chip.value)?.[1] ?? '';
}

function kindOf(chip: Chip): string {
  return chip.key === 'date' && yearOf(chip) ? 'year' : chip.key;
}

// 2020-12-24, as date fields have it, is 24-12-2020 in queries; and back.
export function turnDate(date: string): string {
  return date.split('-').reverse().join('-');
}

// The word that is being typed, for suggestions: the last one, if nothing follows it.
export function lastWord(typed: string): { before: string; word: string; tagsOnly: boolean } {
  const match = /(^|[\s,(])((?:tags:)?"?)([^\s,":()]*)$/iu.exec(typed);
  if (!match) return { before: typed, word: '', tagsOnly: false };
  const word = match[3] ?? '';
  const prefix = match[2] ?? '';
  const before = typed.slice(0, typed.length - word.length - prefix.length);
  return { before, word, tagsOnly: prefix.toLowerCase().startsWith('tags:') };
}

function same(a: Chip, b: Chip): boolean {
  return a.key === b.key && a.value.toLowerCase() === b.value.toLowerCase();
}

function unique(chips: Chip[]): Chip[] {
  return chips.filter((chip, i) => chips.findIndex((other) => same(chip, other)) === i);
}
