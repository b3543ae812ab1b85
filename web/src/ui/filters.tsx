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

const FIELDS = [
  { field: 'tag', name: 'Tags', chip: (value: string): Chip => ({ key: 'tags', value }) },
  { field: 'year', name: 'Year', chip: yearChip },
  { field: 'format', name: 'Format', chip: (value: string): Chip => ({ key: 'format', value }) },
  { field: 'license', name: 'Licence', chip: (value: string): Chip => ({ key: 'license', value }) },
  {
    field: 'orientation',
    name: 'Orientation',
    chip: (value: string): Chip => ({ key: 'orientation', value }),
  },
];

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
  const sections = FIELDS.map(({ field, name, chip }) => ({
    name,
    chip,
    values: (facets.find((facet) => facet.field === field)?.values ?? []).filter(({ value }) => value),
  })).filter((section) => section.values.length > 0);
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
      {sections.map(({ name, chip, values }) => (
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
