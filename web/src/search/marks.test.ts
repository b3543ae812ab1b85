import assert from 'node:assert/strict';
import test from 'node:test';
import { highlightOf, partsOf, partsOfWhole } from './marks';

const shown = (parts: { text: string; match: boolean }[]) =>
  parts.map((part) => (part.match ? `[${part.text}]` : part.text)).join('');

test('ranges count characters, not what JavaScript stores them in', () => {
  assert.equal(shown(partsOf('🦊 fox 狐', [{ begin: 0, end: 1 }, { begin: 6, end: 7 }])), '[🦊] fox [狐]');
});

test('ranges that lie harm nothing', () => {
  assert.equal(shown(partsOf('abc', [{ begin: 2, end: 99 }, { begin: 0, end: 1 }])), 'ab[c]');
  assert.equal(shown(partsOf('abc', [{ begin: -5, end: 1 }, {}])), '[a]bc');
  assert.deepEqual(partsOf('', [{ begin: 0, end: 1 }]), []);
});

test('a part is found in the whole', () => {
  const highlight = { field: 'description', text: 'snow fell', ranges: [{ begin: 0, end: 4 }] };
  assert.equal(shown(partsOfWhole('then snow fell again', highlight)), 'then [snow] fell again');
  assert.equal(shown(partsOfWhole('rain', highlight)), 'rain');
  assert.equal(shown(partsOfWhole('rain', undefined)), 'rain');
  assert.equal(highlightOf([highlight], 'tags'), undefined);
  assert.equal(highlightOf([highlight], 'description'), highlight);
});
