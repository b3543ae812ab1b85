import assert from 'node:assert/strict';
import test from 'node:test';
import { PAUSED, progressOf, SendError, UploadQueue, type Sent, type Upload, type UploadTransport } from './queue';

interface Call {
  upload: Upload<string>;
  key: string;
  progress: (sent: number) => void;
  answer: (sent?: Partial<Sent>) => Promise<void>;
  fail: (error: Error) => Promise<void>;
  signal: AbortSignal;
}

class Transport implements UploadTransport<string> {
  calls: Call[] = [];
  pauses: { ms: number; run: () => void }[] = [];
  keys = 0;
  discarded: string[] = [];

  send(upload: Upload<string>, progress: (sent: number) => void, signal: AbortSignal): Promise<Sent> {
    return new Promise((resolve, reject) => {
      const tick = () => new Promise<void>((done) => setImmediate(done));
      signal.addEventListener('abort', () => reject(new Error('aborted')));
      this.calls.push({
        upload,
        key: upload.key,
        progress,
        signal,
        answer: (sent = {}) => {
          resolve({ imageId: upload.name, duplicate: false, processing: false, failure: '', ...sent });
          return tick();
        },
        fail: (error) => {
          reject(error);
          return tick();
        },
      });
    });
  }
  discard(upload: Upload<string>): void {
    this.discarded.push(upload.name);
  }
  newKey(): string {
    this.keys += 1;
    return `key-${this.keys}`;
  }
  later(ms: number, run: () => void): void {
    this.pauses.push({ ms, run });
  }
}

function make(count: number, limits = { parallel: 2, attempts: 3, most: 10 }) {
  const transport = new Transport();
  const queue = new UploadQueue(transport, () => {}, limits);
  queue.add(Array.from({ length: count }, (_, i) => ({ file: 'x', name: `f${i}`, size: 100 })));
  const states = () => queue.uploads.map((upload) => upload.state);
  return { transport, queue, states };
}

test('only so many at a time, in order', async () => {
  const { transport, states } = make(4);
  assert.deepEqual(states(), ['sending', 'sending', 'waiting', 'waiting']);
  await transport.calls[0]?.answer();
  assert.deepEqual(states(), ['done', 'sending', 'sending', 'waiting']);
  assert.equal(transport.calls.length, 3);
});

test('a busy server is left in peace for as long as it says, then gets the same key', async () => {
  const { transport, queue, states } = make(3);
  await transport.calls[0]?.fail(new SendError('busy', true, 7000));
  assert.deepEqual(states(), ['waiting', 'sending', 'waiting'], 'nothing new is begun meanwhile');
  assert.equal(transport.pauses[0]?.ms, 7000);
  assert.equal(queue.uploads[0]?.note, 'busy');
  transport.pauses[0]?.run();
  assert.deepEqual(states(), ['sending', 'sending', 'waiting']);
  assert.equal(transport.calls[2]?.key, transport.calls[0]?.key);
});

test('on a line too thin for several, one goes at a time', async () => {
  const { transport, queue, states } = make(3);
  await transport.calls[0]?.fail(new SendError('too slow', true, 0, true));
  transport.pauses[0]?.run();
  assert.deepEqual(states(), ['waiting', 'sending', 'waiting']);
  await transport.calls[1]?.answer();
  assert.deepEqual(states(), ['sending', 'done', 'waiting']);
  await transport.calls[2]?.answer();
  await transport.calls[3]?.answer();
  queue.add([1, 2].map((i) => ({ file: 'x', name: `later${i}`, size: 1 })));
  assert.deepEqual(states().slice(3), ['sending', 'sending'], 'until all are through');
});

test('pauses grow, and after some attempts it is told', async () => {
  const { transport, states } = make(1);
  for (let i = 0; i < 3; i += 1) {
    await transport.calls[i]?.fail(new SendError('away', true));
    transport.pauses[i]?.run();
  }
  assert.deepEqual(
    transport.pauses.map((pause) => pause.ms),
    [500, 1000],
  );
  assert.deepEqual(states(), ['failed']);
});

test('what the server refuses is not sent again', async () => {
  const { transport, queue, states } = make(1);
  await transport.calls[0]?.fail(new SendError('not an image', false));
  assert.deepEqual(states(), ['failed']);
  assert.equal(queue.uploads[0]?.note, 'not an image');
  queue.retry(1);
  assert.deepEqual(states(), ['sending'], 'unless somebody asks for it');
});

test('cancelling stops the one under way and begins the next', async () => {
  const { transport, queue, states } = make(3);
  queue.cancel(1);
  assert.ok(transport.calls[0]?.signal.aborted);
  await new Promise((done) => setImmediate(done));
  assert.deepEqual(states(), ['cancelled', 'sending', 'sending']);
  queue.cancelAll();
  await new Promise((done) => setImmediate(done));
  assert.deepEqual(states(), ['cancelled', 'cancelled', 'cancelled']);
  queue.clear();
  assert.equal(queue.uploads.length, 0);
});

test('one that was cancelled and begun again can be cancelled again', async () => {
  const { transport, queue, states } = make(1);
  queue.cancel(1);
  queue.retry(1);
  await new Promise((done) => setImmediate(done));
  assert.deepEqual(states(), ['sending']);
  queue.cancel(1);
  assert.deepEqual(
    transport.calls.map((call) => call.signal.aborted),
    [true, true],
  );
});

test('one that is paused makes room, goes on when asked to, and can be given up', async () => {
  const { transport, queue, states } = make(3);
  transport.calls[0]?.progress(40);
  queue.pause(1);
  assert.equal(transport.calls[0]?.signal.reason, PAUSED);
  await new Promise((done) => setImmediate(done));
  assert.deepEqual(states(), ['paused', 'sending', 'sending']);
  assert.equal(queue.uploads[0]?.sent, 40);
  queue.clear();
  assert.equal(queue.uploads.length, 3, 'it is not over');
  await transport.calls[1]?.answer();
  queue.retry(1);
  assert.deepEqual(states(), ['sending', 'done', 'sending']);
  assert.equal(transport.calls[3]?.key, transport.calls[0]?.key);
  queue.pause(1);
  await new Promise((done) => setImmediate(done));
  queue.cancel(1);
  assert.deepEqual(states(), ['cancelled', 'done', 'sending']);
  assert.deepEqual(transport.discarded, ['f0']);
});

test('what somebody left behind is forgotten in whatever state it is', async () => {
  const { transport, queue } = make(4);
  await transport.calls[0]?.answer({ processing: true });
  await transport.calls[1]?.fail(new SendError('busy', true));
  queue.forgetAll();
  assert.equal(queue.uploads.length, 0);
  assert.ok(transport.calls[2]?.signal.aborted);
  transport.pauses[0]?.run();
  await new Promise((done) => setImmediate(done));
  assert.equal(transport.calls.length, 3);
  queue.add([1, 2, 3].map((i) => ({ file: 'x', name: `next${i}`, size: 1 })));
  assert.equal(transport.calls.length, 5, 'the next one has all the room');
});

test('processing ends when it is told, well or badly', async () => {
  const { transport, queue, states } = make(2);
  await transport.calls[0]?.answer({ processing: true });
  await transport.calls[1]?.answer({ processing: true });
  assert.deepEqual(states(), ['processing', 'processing']);
  queue.processed('f0');
  queue.processed('f1', 'can not be decoded');
  assert.deepEqual(states(), ['done', 'failed']);
  assert.equal(queue.uploads[1]?.note, 'can not be decoded');
});

test('progress counts bytes of what was not given up', async () => {
  const { transport, queue } = make(3);
  transport.calls[0]?.progress(50);
  transport.calls[1]?.progress(500);
  assert.deepEqual(progressOf(queue.uploads), { sent: 150, size: 300, done: 0 });
  queue.cancel(3);
  assert.deepEqual(progressOf(queue.uploads), { sent: 150, size: 200, done: 0 });
});

test('the list is bounded', () => {
  const { queue } = make(25);
  assert.equal(queue.uploads.length, 10);
});
