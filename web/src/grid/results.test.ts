import assert from 'node:assert/strict';
import test from 'node:test';
import type { SearchAnswer } from '../api/types';
import { Results } from './results';

// A server with `total` pictures, 1 by 1 unless said otherwise.
class Server {
  asked: [string, number][] = [];
  gone = new Set<number>();
  failure: Error | null = null;
  constructor(readonly total: number) {}

  fetch = async (token: string, size: number): Promise<SearchAnswer> => {
    this.asked.push([token, size]);
    await Promise.resolve();
    if (this.failure) throw this.failure;
    const first = Number(token || 0);
    const end = Math.min(this.total, first + size);
    const images = [];
    for (let i = first; i < end; i += 1) {
      if (!this.gone.has(i)) images.push({ id: `i${i}`, width: 3, height: 2 });
    }
    return {
      images,
      nextPageToken: end < this.total ? String(end) : '',
      total: String(this.total - this.gone.size),
      feedPosition: '7',
    };
  };
}

async function settled(results: Results): Promise<void> {
  let known = -1;
  let records = -1;
  while (known !== results.known || records !== results.records) {
    known = results.known;
    records = results.records;
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
  }
}

const small = { records: 60, first: 10, next: 20 };

test('the first page says how many there are, and more come as they are wanted', async () => {
  const server = new Server(1000);
  const results = new Results(server.fetch, () => {}, small);
  results.want(0, 4);
  await settled(results);
  assert.equal(results.total, 1000);
  assert.equal(results.feedPosition, '7');
  assert.ok(results.known < 60, 'no more than what is looked at and a little');
  results.want(100, 110);
  await settled(results);
  assert.equal(results.at(105)?.id, 'i105');
});

test('records far from the window go, and come back with it', async () => {
  const server = new Server(2000);
  const results = new Results(server.fetch, () => {}, small);
  results.want(0, 5);
  await settled(results);
  results.want(1500, 1510);
  await settled(results);
  assert.equal(results.at(1505)?.id, 'i1505');
  assert.ok(results.records <= 60 + 500, `${results.records} records`);
  assert.equal(results.at(3), undefined);
  assert.ok(server.asked.length < 20, 'large pages for what is only scrolled past');
  results.want(0, 5);
  await settled(results);
  assert.equal(results.at(3)?.id, 'i3');
  assert.ok(results.known >= 1510, 'shapes stay');
});

test('what was deleted meanwhile is missing when its page comes back', async () => {
  const server = new Server(400);
  const results = new Results(server.fetch, () => {}, small);
  results.want(0, 5);
  await settled(results);
  results.want(390, 399);
  await settled(results);
  assert.equal(results.total, 400);
  server.gone.add(2);
  results.want(0, 5);
  await settled(results);
  assert.equal(results.at(2)?.id, 'i3');
  assert.equal(results.total, 399);
  assert.equal(results.known, 399);
});

test('removing closes the gap', async () => {
  const server = new Server(30);
  const results = new Results(server.fetch, () => {}, small);
  results.want(0, 29);
  await settled(results);
  assert.ok(results.remove('i3'));
  assert.ok(!results.remove('i3'));
  assert.equal(results.total, 29);
  assert.equal(results.at(3)?.id, 'i4');
  assert.equal(results.at(28)?.id, 'i29');
  assert.equal(results.indexOf('i29'), 28);
});

test('a failure is told and can be tried again', async () => {
  const server = new Server(30);
  server.failure = new Error('away');
  const results = new Results(server.fetch, () => {}, small);
  results.want(0, 5);
  await settled(results);
  assert.equal((results.error as Error).message, 'away');
  assert.equal(server.asked.length, 1, 'it is not asked again at once');
  server.failure = null;
  results.tryAgain();
  await settled(results);
  assert.equal(results.error, null);
  assert.equal(results.total, 30);
  results.dispose();
});
