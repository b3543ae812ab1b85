// What one can narrow a search by, with how much there is of it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { call, isAbort } from '../api/http';
import type { Facet, SearchAnswer } from '../api/types';
import { count } from '../format';
import { query, setQuery } from '../router';
import {
  formatQuery,
  hasChip,
  parseQuery,
  turnDate,
  withChip,
  withoutChip,
  yearChip,
  type Chip,
} from '../search/query';

// `few`: tells something only where there is a choice.
const FIELDS: { field: string; name: string; chip: (value: string) => Chip; few?: boolean }[] = [
  { field: 'tag', name: 'Tags', chip: (value: string): Chip => ({ key: 'tags', value }) },
  { field: 'year', name: 'Year', chip: yearChip },
  { field: 'format', name: 'Format', chip: (value: string): Chip => ({ key: 'format', value }) },
  { field: 'license', name: 'Licence', chip: (value: string): Chip => ({ key: 'license', value }) },
  {
    field: 'orientation',
    name: 'Orientation',
    chip: (value: string): Chip => ({ key: 'orientation', value }),
  },
  { field: 'color', name: 'Colour', chip: (value: string): Chip => ({ key: 'color', value }) },
  { field: 'camera', name: 'Camera', chip: (value: string): Chip => ({ key: 'camera', value }) },
  { field: 'lens', name: 'Lens', chip: (value: string): Chip => ({ key: 'lens', value }) },
  { field: 'dataset', name: 'Data set', chip: (value: string): Chip => ({ key: 'dataset', value }) },
  { field: 'owner', name: 'Owner', few: true, chip: (value: string): Chip => ({ key: 'owner', value }) },
  { field: 'state', name: 'State', few: true, chip: (value: string): Chip => ({ key: 'state', value }) },
];
const MOST_FACETS = 12;

// Only the names that the search knows.
const COLORS: Record<string, string> = {
  black: '#111',
  white: '#fff',
  grey: '#888',
  red: '#d22',
  orange: '#f80',
  yellow: '#fd0',
  green: '#2a2',
  teal: '#099',
  blue: '#26d',
  purple: '#83c',
  pink: '#f7b',
  brown: '#853',
};

function useFacets(open: boolean): Facet[] {
  const [facets, setFacets] = useState<Facet[]>([]);
  const q = query.value;
  useEffect(() => {
    if (!open) return;
    const abort = new AbortController();
    const path = `/v1/search?page_size=1&q=${encodeURIComponent(q)}${FIELDS.map((f) => `&facets=${f.field}`).join('')}`;
    call<SearchAnswer>(path, { signal: abort.signal })
      .then((answer) => setFacets(answer.facets ?? []))
      // An older server counts nothing; dates and descriptions work all the same.
      .catch((error: unknown) => isAbort(error) || setFacets([]));
    return () => abort.abort();
  }, [open, q]);
  return facets;
}

export function Filters() {
  const [open, setOpen] = useState(false);
  const facets = useFacets(open);
  const now = parseQuery(query.value);
  const panel = useRef<HTMLDivElement>(null);
  const sections = FIELDS.map(({ field, name, chip, few }) => ({
    field,
    name,
    chip,
    least: few && !now.chips.some((one) => one.key === field) ? 2 : 1,
    values: (facets.find((facet) => facet.field === field)?.values ?? [])
      .filter(({ value }) => value)
      .slice(0, field === 'tag' ? undefined : MOST_FACETS),
  })).filter((section) => section.values.length >= section.least);
  const toggle = (chip: Chip) => {
    setQuery(formatQuery(hasChip(now, chip) ? withoutChip(now, chip) : withChip(now, chip)), true);
  };
  const dateOf = (key: 'from' | 'to') => turnDate(now.chips.find((chip) => chip.key === key)?.value ?? '');
  const setDate = (key: 'from' | 'to', date: string) => {
    const without = { text: now.text, chips: now.chips.filter((chip) => chip.key !== key) };
    setQuery(formatQuery(date ? withChip(without, { key, value: turnDate(date) }) : without), true);
  };
  return (
    <div
      id="filters"
      class="panel filters"
      popover="auto"
      role="dialog"
      aria-label="Filters"
      ref={panel}
      onToggle={(event) => setOpen(event.currentTarget.matches(':popover-open'))}
    >
      {sections.map(({ field, name, chip, values }) => (
        <section key={name}>
          <h2>{name}</h2>
          <div class="facet">
            {values.map(({ value = '', count: n }) => (
              <button
                key={value}
                type="button"
                class="facet-value"
                aria-pressed={hasChip(now, chip(value))}
                onClick={() => toggle(chip(value))}
              >
                {field === 'color' && COLORS[value] && (
                  <i class="dot" style={{ backgroundColor: COLORS[value] }} />
                )}
                {value}
                <span>{count(Number(n ?? 0))}</span>
              </button>
            ))}
          </div>
        </section>
      ))}
      <section>
        <h2>Taken</h2>
        <div class="dates">
          <label>
            From
            <input
              type="date"
              value={dateOf('from')}
              onChange={(e) => setDate('from', e.currentTarget.value)}
            />
          </label>
          <label>
            To
            <input type="date" value={dateOf('to')} onChange={(e) => setDate('to', e.currentTarget.value)} />
          </label>
        </div>
      </section>
      <section>
        <form
          class="line"
          onSubmit={(event) => {
            event.preventDefault();
            const field = event.currentTarget.elements.namedItem('desc') as HTMLInputElement;
            if (field.value.trim()) toggle({ key: 'desc', value: field.value.trim() });
            field.value = '';
          }}
        >
          <label>
            Description holds
            <input name="desc" type="text" maxLength={200} placeholder="in the snow" />
          </label>
          <button type="submit">Add</button>
        </form>
      </section>
    </div>
  );
}
