import assert from 'node:assert/strict';
import test from 'node:test';
import {
  chipLabel,
  formatQuery,
  lastWord,
  parseQuery,
  takeFinished,
  turnDate,
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
  for (const q of ['tags:', 'tags:a,', 'colour:red', 'desc:"open', '"open', ':x']) {
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
