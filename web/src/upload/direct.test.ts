import assert from 'node:assert/strict';
import test from 'node:test';
import { DIRECT_FROM_BYTES, DirectUploads, TransferError, type DirectParts, type Refusal } from './direct';
import { PAUSED, SendError, type Upload } from './queue';

const FILES = 'https://files.example';

class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.message);
  }
}
function refuse(status: number, reason = ''): Refused {
  return new Refused({ status, reason, message: reason, retryAfterMs: 0 });
}

interface Asked {
  line: string;
  key: string;
  by: string;
}

// A server with uploads u1, u2, ...; a test says what goes wrong.
class World implements DirectParts<string> {
  allowed = [FILES];
  asked: Asked[] = [];
  uploads = new Map<string, string>(); // id to state
  byKey = new Map<string, string>();
  memory = new Map<string, string>();
  who = 'ann';
  time = 0;
  keys = 0;
  received = '0';
  sentTo: string[] = [];
  failing: Record<string, Refused> = {};
  sending: (signal: AbortSignal) => Promise<void> = async () => {};

  async origins() {
    return this.allowed;
  }
  calls() {
    const by = this.who;
    return {
      call: async <T>(path: string, { method = 'GET', key = '' } = {}): Promise<T> => {
        const line = `${method} ${path}`;
        this.asked.push({ line, key, by });
        const failure = this.failing[line];
        if (failure) throw failure;
        return this.answer(line, key) as T;
      },
    };
  }
  private answer(line: string, key: string): unknown {
    if (line === 'POST /v1/uploads') {
      const id = this.byKey.get(key) ?? `u${this.uploads.size + 1}`;
      if (!this.uploads.has(id)) this.uploads.set(id, 'UPLOAD_OPEN');
      this.byKey.set(key, id);
      return this.view(id);
    }
    const id = /uploads\/(\w+)/.exec(line)?.[1] ?? '';
    if (!this.uploads.has(id)) throw refuse(404, 'UPLOAD_NOT_FOUND');
    if (line.startsWith('DELETE')) this.uploads.set(id, 'UPLOAD_ABORTED');
    if (!line.endsWith(':complete')) return this.view(id);
    this.uploads.set(id, 'UPLOAD_COMPLETED');
    return { image: { id, state: 'PENDING' } };
  }
  private view(id: string) {
    const state = this.uploads.get(id);
    const urls = state === 'UPLOAD_OPEN' ? { tusUrl: `${FILES}/incoming/${id}?signature=s` } : {};
    return { upload: { id, state, receivedBytes: this.received }, urls };
  }
  refusalOf(error: unknown) {
    return error instanceof Refused ? error.refusal : undefined;
  }
  async transfer(_: string, url: string, onProgress: (sent: number) => void, signal: AbortSignal) {
    this.sentTo.push(url);
    onProgress(1);
    await this.sending(signal);
  }
  nameOf = (file: string) => file;
  remember = (name: string, id: string) => void this.memory.set(name, id);
  remembered = (name: string) => this.memory.get(name) ?? '';
  forget = (name: string) => void this.memory.delete(name);
  newKey = () => `new-${(this.keys += 1)}`;
  now = () => this.time;

  lines() {
    return this.asked.map((one) => one.line);
  }
}

function upload(size = DIRECT_FROM_BYTES): Upload<string> {
  return {
    id: 1,
    file: 'file',
    name: 'big.tif',
    size,
    key: 'k',
    state: 'sending',
    sent: 0,
    attempts: 1,
    note: '',
    duplicate: false,
    imageId: '',
  };
}

function make() {
  const world = new World();
  const direct = new DirectUploads(world);
  const abort = new AbortController();
  const send = (one = upload()) => direct.send(one, () => {}, abort.signal);
  return { world, direct, abort, send };
}

const again = (wanted: boolean) => (error: unknown) => error instanceof SendError && error.again === wanted;

test('a large file is announced, sent to the file server, and completed', async () => {
  const { world, send } = make();
  const answer = await send();
  assert.equal(answer?.image?.id, 'u1');
  assert.deepEqual(world.lines(), ['POST /v1/uploads', 'POST /v1/uploads/u1:complete']);
  assert.deepEqual(world.sentTo, [`${FILES}/incoming/u1?signature=s`]);
  assert.equal(world.memory.size, 0);
});

test('small files, and all where nothing is set up, go through the gateway', async () => {
  const { world, send } = make();
  assert.equal(await send(upload(DIRECT_FROM_BYTES - 1)), undefined);
  world.allowed = [];
  assert.equal(await send(), undefined);
  assert.deepEqual(world.asked, []);
});

test('so do they where the server takes no direct uploads, or no more of them', async () => {
  for (const [status, reason] of [
    [400, 'DIRECT_UPLOADS_OFF'],
    [429, 'TOO_MANY_UPLOADS'],
    [404, ''],
  ] as const) {
    const { world, send } = make();
    world.failing['POST /v1/uploads'] = refuse(status, reason);
    assert.equal(await send(), undefined, reason);
  }
});

test('what the server refuses is told, and what passes is tried again', async () => {
  const { world, send } = make();
  world.failing['POST /v1/uploads'] = refuse(413, 'TOO_LARGE');
  await assert.rejects(send(), again(false));
  world.failing['POST /v1/uploads'] = refuse(503);
  await assert.rejects(send(), again(true));
});

test('a file server that does not answer is left alone for a while', async () => {
  const { world, send } = make();
  world.sending = () => Promise.reject(new TransferError('', 0, false));
  assert.equal(await send(), undefined);
  assert.equal(world.uploads.get('u1'), 'UPLOAD_ABORTED', 'its room is free again');
  assert.equal(await send(), undefined);
  assert.equal(world.sentTo.length, 1);
  world.time = 10 * 60_000;
  await send();
  assert.equal(world.sentTo.length, 2);
});

test('but a line that is down is no reason to avoid it', async () => {
  const { world, send } = make();
  world.sending = () => Promise.reject(new TransferError('', 0, false));
  world.failing['DELETE /v1/uploads/u1'] = refuse(0);
  await assert.rejects(send(), again(true));
  world.sending = async () => {};
  assert.equal((await send())?.image?.id, 'u1');
});

test('nor is a restart of one that has answered before, or has bytes of this file already', async () => {
  const { world, send } = make();
  await send();
  world.sending = () => Promise.reject(new TransferError('', 0, false));
  await assert.rejects(send({ ...upload(), key: 'other' }), again(true));
  assert.equal(world.uploads.get('u2'), 'UPLOAD_OPEN');

  const later = make();
  later.world.received = '4096';
  later.world.uploads.set('u7', 'UPLOAD_OPEN');
  later.world.memory.set('file', 'u7');
  later.world.sending = world.sending;
  await assert.rejects(later.send(), again(true));
  assert.equal(later.world.uploads.get('u7'), 'UPLOAD_OPEN');
  assert.equal(later.world.memory.get('file'), 'u7');
});

test('bytes are never sent where the page may not send any', async () => {
  const { world, send } = make();
  world.allowed = ['https://other.example'];
  assert.equal(await send(), undefined);
  assert.deepEqual(world.sentTo, []);
  assert.equal(world.uploads.get('u1'), 'UPLOAD_ABORTED');
});

test('what broke goes on as the same upload, with another URL', async () => {
  const { world, send } = make();
  world.sending = () => Promise.reject(new TransferError('', 0, true));
  await assert.rejects(send(), again(true));
  assert.equal(world.memory.get('file'), 'u1');
  world.sending = async () => {};
  assert.equal((await send())?.image?.id, 'u1');
  assert.equal(world.lines()[1], 'GET /v1/uploads/u1');
  assert.equal(world.uploads.size, 1);
});

test('after the page was loaded anew it goes on, too', async () => {
  const { world, send } = make();
  world.uploads.set('u7', 'UPLOAD_OPEN');
  world.memory.set('file', 'u7');
  assert.equal((await send())?.image?.id, 'u7');
});

test('what ended meanwhile is begun anew', async () => {
  for (const state of ['UPLOAD_EXPIRED', 'UPLOAD_FAILED', '']) {
    const { world, send } = make();
    world.uploads.set('u0', state);
    if (!state) world.uploads.clear();
    world.memory.set('file', 'u0');
    assert.notEqual((await send())?.image?.id, 'u0');
    assert.equal(world.sentTo.length, 1);
  }
});

test('what was completed meanwhile is not sent again', async () => {
  const { world, send } = make();
  world.uploads.set('u7', 'UPLOAD_COMPLETED');
  world.memory.set('file', 'u7');
  assert.equal((await send())?.image?.id, 'u7');
  assert.deepEqual(world.sentTo, []);
});

test('cancelling gives the upload up, in the name of who began it; the next try has another', async () => {
  const { world, direct, abort, send } = make();
  world.sending = async () => {
    world.who = 'bob';
    abort.abort();
  };
  await assert.rejects(send(), again(false));
  assert.equal(world.uploads.get('u1'), 'UPLOAD_ABORTED');
  assert.deepEqual(world.asked.at(-1), { line: 'DELETE /v1/uploads/u1', key: '', by: 'ann' });
  assert.equal(world.lines().filter((line) => line.startsWith('DELETE')).length, 1);
  world.sending = async () => {};
  const answer = await direct.send(upload(), () => {}, new AbortController().signal);
  assert.equal(answer?.image?.id, 'u2');
  assert.deepEqual(
    world.asked.filter((one) => one.key).map((one) => one.key),
    ['k-direct', 'k-direct', 'new-1'],
  );
});

test('pausing keeps it, and only giving it up then ends it', async () => {
  const { world, direct, abort, send } = make();
  world.sending = async () => abort.abort(PAUSED);
  await assert.rejects(send());
  assert.equal(world.uploads.get('u1'), 'UPLOAD_OPEN');
  await direct.discard('file');
  assert.equal(world.uploads.get('u1'), 'UPLOAD_ABORTED');
  assert.equal(world.memory.size, 0);
});

test('the same file twice is two uploads', async () => {
  const { world, direct, send } = make();
  let go = () => {};
  const held = new Promise<void>((resolve) => (go = resolve));
  world.sending = () => held;
  const first = send();
  while (world.sentTo.length === 0) await new Promise((done) => setImmediate(done));
  const second = direct.send({ ...upload(), key: 'other' }, () => {}, new AbortController().signal);
  while (world.sentTo.length === 1) await new Promise((done) => setImmediate(done));
  go();
  assert.equal((await first)?.image?.id, 'u1');
  assert.equal((await second)?.image?.id, 'u2');
});

test('bytes that turn out wrong are not sent again, but an answer that was lost is asked for', async () => {
  const { world, send } = make();
  world.failing['POST /v1/uploads/u1:complete'] = refuse(0);
  await assert.rejects(send(), again(true));
  world.uploads.set('u1', 'UPLOAD_COMPLETED');
  world.failing = {};
  assert.equal((await send())?.image?.id, 'u1');
  assert.equal(world.sentTo.length, 1);
  world.failing['POST /v1/uploads/u2:complete'] = refuse(400, 'NOT_AN_IMAGE');
  await assert.rejects(send({ ...upload(), key: 'other' }), again(false));
  assert.equal(world.memory.size, 0);
});
