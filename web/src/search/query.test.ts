import assert from 'node:assert/strict';
import test from 'node:test';
import {
  chipLabel,
  formatQuery,
  isUnfinished,
  lastWord,
  parseQuery,
  takeFinished,
  turnDate,
  wantsSimilar,
  withChip,
  withoutChip,
  yearChip,
} from './query';

test('filters become chips and words stay text', () => {
  assert.deepEqual(parseQuery('harbour tags:sea,"old town" from:01-01-2020 "two words"'), {
    chips: [
      { key: 'tags', value: 'sea' },
      { key: 'tags', value: 'old town' },
      { key: 'from', value: '01-01-2020' },
    ],
    text: 'harbour "two words"',
  });
});

test('what a query means survives being made into chips and back', () => {
  for (const q of [
    '',
    'harbour',
    'tags:sea harbour',
    'tags:"old town" desc:"in the snow" date:*-12-2020 boat',
    'format:jpeg license:"CC BY 4.0" md5:9e107d9d372bb6826bd81d3542a419d6',
    'orientation:portrait boat',
    'tags:"a,b"',
  ]) {
    assert.equal(formatQuery(parseQuery(q)), q);
    assert.deepEqual(parseQuery(formatQuery(parseQuery(q))), parseQuery(q));
  }
});

test('what can not be read is left for the server to explain', () => {
  for (const q of ['tags:', 'tags:a,', 'colr:red', 'desc:"open', '"open', ':x']) {
    assert.deepEqual(parseQuery(q), { chips: [], text: q });
  }
});

test('what connects terms stays text, in parentheses behind the filters', () => {
  for (const q of ['a OR b', 'tags:a OR b', '-tags:zoo boat', 'NOT type:png', '(a b) OR c', 'w>=3000 (a OR b)']) {
    assert.deepEqual(parseQuery(q), { chips: [], text: q });
  }
  const query = withChip(parseQuery('red OR "blue (sky)"'), { key: 'tags', value: 'sea' });
  assert.equal(formatQuery(query), 'tags:sea (red OR "blue (sky)")');
  assert.deepEqual(parseQuery(formatQuery(query)), query);
  assert.equal(formatQuery(withoutChip(query, { key: 'tags', value: 'sea' })), 'red OR "blue (sky)"');
  assert.deepEqual(parseQuery('tags:a (b) OR (c)'), { chips: [], text: 'tags:a (b) OR (c)' });
  assert.deepEqual(parseQuery('"a OR b" tags:x').chips, [{ key: 'tags', value: 'x' }]);
  assert.deepEqual(takeFinished('a OR tags:b '), { chips: [], text: 'a OR tags:b ' });
});

test('a field with a phrase is one term', () => {
  for (const q of ['title:"red fox" w>=3000', 'fox~1 near:52.5,13.4,10km', 'type:jpeg mp>12']) {
    assert.deepEqual(parseQuery(q), { chips: [], text: q });
  }
});

test('a key counts in any case, and a chip once', () => {
  assert.deepEqual(parseQuery('TAGS:sea tags:Sea').chips, [{ key: 'tags', value: 'sea' }]);
});

test('a filter becomes a chip when one goes on after it, not while it is typed', () => {
  assert.deepEqual(takeFinished('tags:se'), { chips: [], text: 'tags:se' });
  assert.deepEqual(takeFinished('tags:sea '), { chips: [{ key: 'tags', value: 'sea' }], text: '' });
  assert.equal(takeFinished('desc:"in the').chips.length, 0);
  assert.deepEqual(takeFinished('boat desc:"in the snow"'), {
    chips: [{ key: 'desc', value: 'in the snow' }],
    text: 'boat',
  });
  assert.deepEqual(takeFinished('two words '), { chips: [], text: 'two words ' });
});

test('a hostile value can not end its quotes', () => {
  const chip = { key: 'tags' as const, value: 'a" tags:"b' };
  const q = formatQuery({ chips: [chip], text: '' });
  assert.deepEqual(parseQuery(q).chips, [{ key: 'tags', value: 'a  tags: b' }]);
});

test('only one day, year or format at a time, but many tags', () => {
  let query = parseQuery('tags:a format:jpeg');
  query = withChip(query, { key: 'tags', value: 'b' });
  query = withChip(query, { key: 'format', value: 'png' });
  query = withChip(query, yearChip('2019'));
  query = withChip(query, yearChip('2020'));
  assert.equal(formatQuery(query), 'tags:a tags:b format:png date:*-*-2020');
  assert.equal(
    formatQuery(withoutChip(query, { key: 'tags', value: 'A' })),
    'tags:b format:png date:*-*-2020',
  );
});

test('labels are for people', () => {
  const label = (q: string) => parseQuery(q).chips.map((chip) => Object.values(chipLabel(chip)).join(' '))[0];
  assert.equal(label('date:*-*-2020'), 'year 2020');
  assert.equal(label('date:*-12-2020'), 'date December 2020');
  assert.equal(label('from:01-02-2020'), 'from 1 February 2020');
  assert.equal(label('date:24-*-2020'), 'date 24-*-2020');
  assert.equal(label('to:99-99-2020'), 'to 99-99-2020');
  assert.equal(turnDate('2020-12-24'), '24-12-2020');
});

test('the word being typed is the last one', () => {
  assert.deepEqual(lastWord('old har'), { before: 'old ', word: 'har', tagsOnly: false });
  assert.deepEqual(lastWord('old '), { before: 'old ', word: '', tagsOnly: false });
  assert.deepEqual(lastWord('x tags:se'), { before: 'x ', word: 'se', tagsOnly: true });
});

test('what is not finished is not asked for yet', () => {
  for (const typed of ['"two wo', '(a OR', 'a OR ', 'NOT', 'a -', 'w>=30', 'title:fo', '-tags:a', '(a OR b']) {
    assert.ok(isUnfinished(typed), typed);
  }
  for (const typed of ['', 'fox', '(a OR b)', 'a -b', 'w>=3000 ', '"a (b"', 'ORwell', '(w>=3000)']) {
    assert.ok(!isUnfinished(typed), typed);
  }
});

test('only what looks like something can be ordered by that', () => {
  assert.ok(wantsSimilar('tags:a similar:0198'));
  assert.ok(wantsSimilar('(hash:00ff)'));
  assert.ok(!wantsSimilar('similar'));
  assert.ok(!wantsSimilar('similar:'));
});
