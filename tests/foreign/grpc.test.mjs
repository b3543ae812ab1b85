// grpc-js, which shares no code with the server: upload by stream, search, watch.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import grpc from '@grpc/grpc-js';
import loader from '@grpc/proto-loader';

const definition = loader.loadSync(
  ['images', 'search', 'events'].map((name) => `stockroom/v1/${name}.proto`),
  { includeDirs: process.env.STOCKROOM_PROTOS.split(':'), longs: Number, enums: String, defaults: true });
const { v1 } = grpc.loadPackageDefinition(definition).stockroom;
const address = process.env.STOCKROOM_ADDRESS;
const credentials = grpc.credentials.createInsecure();
const images = new v1.ImageService(address, credentials);
const search = new v1.SearchService(address, credentials);
const events = new v1.EventService(address, credentials);
const picture = readFileSync(process.env.STOCKROOM_PICTURE);

test.after(() => [images, search, events].forEach((client) => client.close()));

function upload(header, bytes, metadata = new grpc.Metadata()) {
  return new Promise((resolve, reject) => {
    const call = images.uploadImage(metadata, (error, answer) => (error ? reject(error) : resolve(answer)));
    call.write({ header });
    for (let at = 0; at < bytes.length; at += 1000) call.write({ chunk: bytes.subarray(at, at + 1000) });
    call.end();
  });
}

function find(request) {
  return new Promise((resolve, reject) => {
    search.searchImages(request, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

test('an image goes in, is watched, and is found', { timeout: 20_000 }, async () => {
  const seen = [];
  const watch = events.watch({ types: ['image.created', 'image.ready'] });
  watch.on('error', () => {});  // cancelled below
  const ready = new Promise((resolve) => {
    watch.on('data', (message) => {
      seen.push(...message.events);
      if (seen.some((event) => event.type === 'image.ready')) resolve();
    });
  });
  await new Promise((resolve) => watch.once('data', resolve));
  const answer = await upload({ title: 'foreign zebra', wait: true }, picture);
  assert.equal(answer.image.state, 'READY');
  await ready;
  watch.cancel();
  assert.deepEqual(seen.map((event) => [event.type, event.imageId]),
    [['image.created', answer.image.id], ['image.ready', answer.image.id]]);
  const found = await find({ q: 'zebra', atLeastPosition: answer.feedPosition });
  assert.deepEqual(found.images.map((image) => image.id), [answer.image.id]);
});

test('a key makes a repeated upload the same upload', { timeout: 20_000 }, async () => {
  const metadata = new grpc.Metadata();
  metadata.set('idempotency-key', 'foreign-1');
  const header = { title: 'twice', allowDuplicate: true };
  const first = await upload(header, picture, metadata);
  const second = await upload(header, picture, metadata);
  assert.equal(first.image.id, second.image.id);
});

test('errors carry their code and details', { timeout: 20_000 }, async () => {
  await assert.rejects(upload({}, Buffer.from('not an image')), (error) => {
    assert.equal(error.code, grpc.status.INVALID_ARGUMENT);
    assert.ok(error.metadata.get('grpc-status-details-bin').length > 0);
    return true;
  });
});
