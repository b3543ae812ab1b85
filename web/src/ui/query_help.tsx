// The search language by example. docs/search.md has all of it.
import { useRef } from 'preact/hooks';
import { setQuery } from '../router';

const TOPICS: { name: string; examples: [query: string, meaning: string][] }[] = [
  {
    name: 'Words',
    examples: [
      ['red fox', 'both, anywhere, also as beginnings'],
      ['"red fox"', 'next to each other'],
      ['harbuor~1', 'one letter may be wrong'],
      ['title:fox', 'in one field; also desc: and tag:'],
    ],
  },
  {
    name: 'Together',
    examples: [
      ['cat OR dog', 'one of them'],
      ['boat -harbour', 'the one without the other'],
      ['(red OR blue) NOT tag:snow', 'parentheses everywhere'],
    ],
  },
  {
    name: 'Pictures',
    examples: [
      ['w>=3000', 'also h, mp, size, with ranges: h:1000..2000'],
      ['orientation:panorama', 'landscape, portrait, square'],
      ['color:teal', 'or color:#2a6f97'],
      ['type:jpeg size<2mb', 'also license, owner, dataset'],
    ],
  },
  {
    name: 'When, where, with what',
    examples: [
      ['taken:2024-01..2024-06', 'also created>=2024, date:*-12-2020'],
      ['near:52.5,13.4,10km', 'within so far; has:location'],
      ['camera:canon lens:50mm', 'by the words of their names'],
      ['has:none(tags)', 'nothing of a kind'],
    ],
  },
];

export function QueryHelp() {
  const panel = useRef<HTMLDivElement>(null);
  const show = (q: string) => {
    panel.current?.hidePopover();
    setQuery(q, true);
  };
  return (
    <div id="query-help" class="panel filters help" popover="auto" role="dialog" aria-label="Search help" ref={panel}>
      {TOPICS.map(({ name, examples }) => (
        <section key={name}>
          <h2>{name}</h2>
          <dl>
            {examples.map(([q, meaning]) => (
              <div key={q}>
                <dt>
                  <button type="button" onClick={() => show(q)}>
                    {q}
                  </button>
                </dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
    </div>
  );
}
