// Where one types: filters as chips, words as text, suggestions below.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, call, isAbort, isMissing } from '../api/http';
import type { Suggestion } from '../api/types';
import { failure } from '../catalogue';
import { count } from '../format';
import { query, setQuery } from '../router';
import { mistakeIn, type Mistake } from '../search/mistake';
import {
  chipLabel,
  formatChip,
  formatQuery,
  isConnected,
  isUnfinished,
  lastWord,
  parseQuery,
  takeFinished,
  withChip,
  withoutChip,
  type Chip,
} from '../search/query';
import { CloseIcon, FilterIcon, HelpIcon, SearchIcon } from './icons';
import { isTyping, withModifier, type Pressed } from './keys';

const SEARCH_AFTER_MS = 180;
const SUGGEST_AFTER_MS = 90;

// An older server has no suggestions; it is not asked a second time.
let suggesting = true;

function useSuggestions(typed: string, active: boolean): [Suggestion[], () => void] {
  const [list, setList] = useState<Suggestion[]>([]);
  const { word, tagsOnly } = lastWord(typed);
  useEffect(() => {
    if (!active || !suggesting) return setList([]);
    const abort = new AbortController();
    const timer = setTimeout(() => {
      const path = `/v1/suggest?limit=8&prefix=${encodeURIComponent(word)}`;
      call<{ suggestions?: Suggestion[] }>(path, { signal: abort.signal })
        .then((answer) => {
          const all = (answer.suggestions ?? []).filter((one) => one.text && one.text !== word);
          setList(tagsOnly ? all.filter((one) => one.kind === 'TAG') : all);
        })
        .catch((error: unknown) => {
          if (isMissing(error)) suggesting = false;
          if (!isAbort(error)) setList([]);
        });
    }, SUGGEST_AFTER_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [word, tagsOnly, active]);
  return [list, () => setList([])];
}

// What of the query the server could not read.
function useMistake(): Mistake | null {
  const error = failure.value;
  if (!(error instanceof ApiError) || error.status !== 400) return null;
  return mistakeIn(query.value, error);
}

function MistakeNote({ mistake }: { mistake: Mistake }) {
  return (
    <div id="mistake" class="mistake">
      <code>
        {mistake.before}
        <mark>{mistake.at || '␣'}</mark>
        {mistake.after}
      </code>
      <p>{mistake.message}</p>
      {mistake.better && (
        <button type="button" class="link" onClick={() => setQuery(mistake.better, true)}>
          Search for {mistake.better}
        </button>
      )}
    </div>
  );
}

export function SearchBar() {
  const whole = parseQuery(query.value);
  const [typed, setTyped] = useState(whole.text);
  const [active, setActive] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const input = useRef<HTMLInputElement>(null);
  const timer = useRef(0);
  const [suggestions, forget] = useSuggestions(typed, active);
  const mistake = useMistake();

  // Back, forward, a chip or a link changed the query: show what it is now.
  useEffect(() => {
    if (parseQuery(query.value).text !== typed.trim()) setTyped(parseQuery(query.value).text);
  }, [query.value]);
  useEffect(() => setChosen(-1), [suggestions]);

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== '/' || withModifier(event) || isTyping(event)) return;
      if (document.querySelector('dialog[open]')) return;
      event.preventDefault();
      input.current?.focus();
      input.current?.select();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);

  const apply = (text: string, chips: Chip[], step: boolean) => {
    clearTimeout(timer.current);
    setQuery(formatQuery({ text, chips }), step);
  };
  const onInput = (value: string) => {
    const finished = takeFinished(value);
    let next = whole;
    for (const chip of finished.chips) next = withChip(next, chip);
    setTyped(finished.text);
    clearTimeout(timer.current);
    if (finished.chips.length > 0) return apply(finished.text, next.chips, true);
    // What is only half there would be a mistake to the server.
    if (isUnfinished(value)) return;
    timer.current = window.setTimeout(() => apply(value, whole.chips, false), SEARCH_AFTER_MS);
  };
  const submit = () => {
    const now = parseQuery(typed);
    let next = whole;
    for (const chip of now.chips) next = withChip(next, chip);
    setTyped(now.text);
    forget();
    apply(now.text, next.chips, true);
  };
  const choose = (suggestion: Suggestion) => {
    const text = suggestion.text ?? '';
    const { before } = lastWord(typed);
    forget();
    const chip: Chip | null =
      suggestion.kind === 'TAG'
        ? { key: 'tags', value: text }
        : suggestion.kind === 'CAMERA'
          ? { key: 'camera', value: text }
          : null;
    if (chip && isConnected(before)) {
      setTyped(before + formatChip(chip));
      apply(before + formatChip(chip), whole.chips, true);
    } else if (chip) {
      const rest = before.trim();
      setTyped(rest);
      apply(rest, withChip(whole, chip).chips, true);
    } else {
      setTyped(before + text);
      apply(before + text, whole.chips, true);
    }
    input.current?.focus();
  };
  const onKeyDown = (event: Pressed) => {
    const open = suggestions.length > 0;
    if (event.key === 'ArrowDown' && open) {
      event.preventDefault();
      setChosen((chosen + 1) % suggestions.length);
    } else if (event.key === 'ArrowUp' && open) {
      event.preventDefault();
      setChosen((chosen <= 0 ? suggestions.length : chosen) - 1);
    } else if (event.key === 'ArrowDown') {
      event.preventDefault();
      document.querySelector<HTMLElement>('#grid a[tabindex="0"]')?.focus();
    } else if (event.key === 'Enter') {
      event.preventDefault();
      const suggestion = suggestions[chosen];
      if (suggestion) choose(suggestion);
      else submit();
    } else if (event.key === 'Escape') {
      if (open) forget();
      else input.current?.blur();
    } else if (event.key === 'Backspace' && input.current?.selectionEnd === 0 && whole.chips.length > 0) {
      const last = whole.chips.at(-1);
      if (last) apply(typed, withoutChip(whole, last).chips, true);
    }
  };

  const open = active && suggestions.length > 0;
  return (
    <div
      class="search"
      role="search"
      onClick={(event) => event.target === event.currentTarget && input.current?.focus()}
    >
      <SearchIcon />
      <div class="chips">
        {whole.chips.map((chip) => {
          const { name, value } = chipLabel(chip);
          return (
            <button
              key={formatChip(chip)}
              class="chip"
              type="button"
              aria-label={`Remove filter ${name} ${value}`}
              onClick={() => {
                apply(typed, withoutChip(whole, chip).chips, true);
                input.current?.focus();
              }}
            >
              <span class="chip-name">{name}</span>
              <span class="chip-value">{value}</span>
              <CloseIcon />
            </button>
          );
        })}
      </div>
      <input
        ref={input}
        type="text"
        inputMode="search"
        enterkeyhint="search"
        role="combobox"
        aria-label="Search images"
        aria-autocomplete="list"
        aria-expanded={open}
        aria-controls="suggestions"
        aria-activedescendant={open && chosen >= 0 ? `suggestion-${chosen}` : undefined}
        aria-invalid={mistake !== null}
        aria-describedby={mistake ? 'mistake' : undefined}
        placeholder={whole.chips.length > 0 ? '' : 'Search words, tags:harbour, w>=3000 …'}
        autocomplete="off"
        autocapitalize="off"
        spellcheck={false}
        maxLength={900}
        value={typed}
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={onKeyDown}
        onFocus={() => setActive(true)}
        onBlur={() => setActive(false)}
      />
      {(typed || whole.chips.length > 0) && (
        <button
          class="quiet"
          type="button"
          aria-label="Clear search"
          onClick={() => {
            setTyped('');
            apply('', [], true);
            input.current?.focus();
          }}
        >
          <CloseIcon />
        </button>
      )}
      {!typed && whole.chips.length === 0 && !active && <kbd aria-hidden="true">/</kbd>}
      <button class="quiet help-button" type="button" popovertarget="query-help" aria-label="Search help">
        <HelpIcon />
      </button>
      <button class="quiet" type="button" popovertarget="filters" aria-label="Filters">
        <FilterIcon />
      </button>
      {mistake && !open && <MistakeNote mistake={mistake} />}
      <ul id="suggestions" class="suggestions" role="listbox" aria-label="Suggestions" hidden={!open}>
        {suggestions.map((suggestion, i) => (
          <li
            key={`${suggestion.kind}-${suggestion.text}`}
            id={`suggestion-${i}`}
            role="option"
            aria-selected={i === chosen}
            // Before the input loses its focus.
            onPointerDown={(event) => {
              event.preventDefault();
              choose(suggestion);
            }}
          >
            <span class="suggestion-text">{suggestion.text}</span>
            {(suggestion.kind === 'TAG' || suggestion.kind === 'CAMERA') && (
              <span class="suggestion-kind">{suggestion.kind.toLowerCase()}</span>
            )}
            <span class="suggestion-count">{count(Number(suggestion.count ?? 0))}</span>
          </li>
        ))}
      </ul>
    </div>
  );
}
