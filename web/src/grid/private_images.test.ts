import assert from 'node:assert/strict';
import test from 'node:test';
import { forgetAll, hold } from './private_images';

interface Load {
  path: string;
  signal: AbortSignal;
  answer: () => Promise<void>;
}

const live = new Set<string>();
let loads: Load[] = [];
let made = 0;

const tick = () => new Promise<void>((done) => setImmediate(done));

function begin(): void {
  forgetAll();
  loads = [];
  live.clear();
}

// A server that answers when told to, even what nobody waits for any more.
globalThis.fetch = ((path: string, { signal }: { signal: AbortSignal }) =>
  new Promise((resolve) => {
    const answer = () => {
      resolve({ ok: true, blob: () => Promise.resolve({ size: 50e6 }) });
      return tick();
    };
    loads.push({ path, signal, answer });
  })) as unknown as typeof fetch;
URL.createObjectURL = () => {
  made += 1;
  live.add(`blob:${made}`);
  return `blob:${made}`;
};
URL.revokeObjectURL = (url) => live.delete(url);

test('a picture is loaded once for all who look at it', async () => {
  begin();
  const holds = [hold('/a'), hold('/a')];
  await loads[0]?.answer();
  assert.equal(await holds[0]?.url, await holds[1]?.url);
  assert.equal(loads.length, 1);
});

test('what is unused goes when there is too much, and what is used stays', async () => {
  begin();
  const [a, b] = [hold('/a'), hold('/b')];
  await loads[0]?.answer();
  await loads[1]?.answer();
  assert.equal(live.size, 2, 'both are looked at');
  a.release();
  a.release();
  assert.deepEqual([...live], [await b.url]);
});

test('a picture that arrives after its owner has left is not kept', async () => {
  begin();
  const old = hold('/a');
  const refused = assert.rejects(old.url);
  forgetAll();
  await loads[0]?.answer();
  await refused;
  assert.equal(live.size, 0);
});

test('who has left does not give back what the next one looks at', async () => {
  begin();
  const old = hold('/a');
  await loads[0]?.answer();
  forgetAll();
  const mine = [hold('/a'), hold('/b'), hold('/c')];
  for (const load of loads.slice(1)) await load.answer();
  old.release();
  assert.equal(live.size, 3);
  assert.ok(live.has((await mine[0]?.url) ?? ''));
});

test('what is scrolled past before it is there is given up', async () => {
  begin();
  const past = hold('/a');
  past.url.catch(() => {});
  past.release();
  assert.ok(loads[0]?.signal.aborted);
  const back = hold('/a');
  await loads[1]?.answer();
  assert.ok(live.has(await back.url));
});
