import assert from 'node:assert/strict';
import test from 'node:test';
import { mistakeIn } from './mistake';

const complain = (position: number, reason: string, suggestion = '') => ({
  message: `query, position ${position}: what is this?`,
  reason,
  metadata: { position: String(position), ...(suggestion ? { suggestion } : {}) },
});

test('positions count bytes, texts do not', () => {
  const mistake = mistakeIn('für colr:red', complain(6, 'QUERY_UNKNOWN_KEY', 'color'));
  assert.deepEqual(mistake, {
    before: 'für ',
    at: 'colr',
    after: ':red',
    message: 'what is this?',
    better: 'für color:red',
  });
});

test('a value is all of it, quotes included', () => {
  assert.equal(mistakeIn('a license:"never closed', complain(11, 'QUERY_UNTERMINATED_QUOTE'))?.at, '"never closed');
  assert.equal(mistakeIn('(type:jpge) b', complain(7, 'QUERY_BAD_VALUE', 'jpeg'))?.better, '(type:jpeg) b');
  assert.equal(mistakeIn('a )', complain(3, 'QUERY_UNBALANCED'))?.at, ')');
});

test('a position behind the end is the end, and no position is none', () => {
  assert.equal(mistakeIn('a OR', complain(99, 'QUERY_MISSING_OPERAND'))?.at, '');
  assert.equal(mistakeIn('a', { message: 'x', reason: 'BAD_JSON', metadata: { position: '1' } }), null);
  assert.equal(mistakeIn('a', { message: 'x', reason: 'QUERY_TOO_LONG', metadata: {} }), null);
});
