// Large files from the page straight to the file server, over a network that is made worse here: the
// file server's public URL leads to a proxy in this process.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { close, gateway, launch, picture, shoot, until, withPage } from './browser.mjs';

const folder = mkdtempSync(join(tmpdir(), 'stockroom-direct-'));
const network = {
  sent: 0, // bytes of clients
  connections: 0,
  cuts: 0,
  cutAfter: Infinity, // bytes of one connection; the next one lives on
  bytesPerSecond: Infinity,
  down: false,
};

const proxy = net.createServer((client) => {
  if (network.down) return client.destroy();
  network.connections += 1;
  const server = net.connect(Number(process.env.STOCKROOM_FILES_PORT), '127.0.0.1');
  const end = () => {
    client.destroy();
    server.destroy();
  };
  for (const socket of [client, server]) socket.on('error', end).on('close', end);
  let carried = 0;
  client.on('data', (bytes) => {
    carried += bytes.length;
    network.sent += bytes.length;
    if (carried > network.cutAfter) {
      network.cutAfter = Infinity;
      network.cuts += 1;
      return end();
    }
    server.write(bytes);
    if (network.bytesPerSecond === Infinity) return;
    client.pause();
    setTimeout(() => client.resume(), (1000 * bytes.length) / network.bytesPerSecond);
  });
  server.on('data', (bytes) => client.write(bytes));
});

before(async () => {
  await new Promise((ready) => proxy.listen(Number(process.env.STOCKROOM_PROXY_PORT), '127.0.0.1', ready));
  await launch();
});
after(async () => {
  await close();
  proxy.close();
  rmSync(folder, { recursive: true, force: true });
});

// Noise, which no PNG makes smaller: some 12 MB.
function large(name, seed) {
  const path = join(folder, name);
  writeFileSync(path, picture(seed, 2200, 2000, 255));
  return path;
}
const choose = (page, path) => page.locator('input[type=file]').first().setInputFiles(path);
const row = (page, name) => page.locator('.upload', { hasText: name });
const partOf = async (page, name) =>
  Number((await page.getByRole('progressbar', { name: `Upload of ${name}` }).getAttribute('value')) ?? 0);
const ready = (page, name) =>
  until(async () => (await row(page, name).getAttribute('class')).includes('done'), `${name} to be ready`);
// What the page asked of whom.
function watch(page) {
  const seen = [];
  page.on('request', (request) => {
    const url = new URL(request.url());
    seen.push(`${request.method()} ${url.origin === gateway ? '' : 'files:'}${url.pathname}`);
  });
  return seen;
}
const count = (seen, what) => seen.filter((line) => what.test(line)).length;

test('the policy names the file server and nobody else', async () => {
  const policy = (await fetch(gateway)).headers.get('content-security-policy');
  const allowed = /connect-src ([^;]*);/.exec(policy)[1];
  assert.equal(allowed, `'self' http://127.0.0.1:${process.env.STOCKROOM_PROXY_PORT}`);
});

test('a large picture goes to the file server, through a cut', async () => {
  await withPage({}, async (page) => {
    const seen = watch(page);
    Object.assign(network, { cutAfter: 6_000_000, bytesPerSecond: 6_000_000, sent: 0, cuts: 0 });
    await choose(page, large('mountain.png', 1));
    await until(async () => (await partOf(page, 'mountain.png')) > 0.3, 'bytes on their way');
    await shoot(page, 'direct-uploading');
    await until(() => network.cuts === 1, 'the cut');
    await ready(page, 'mountain.png');
    assert.equal(count(seen, /^POST \/v1\/uploads$/), 1);
    assert.equal(count(seen, /^POST \/v1\/uploads\/[^/]+:complete$/), 1);
    assert.equal(count(seen, /^POST \/v1\/images/), 0, 'not through the api');
    assert.ok(count(seen, /^HEAD files:/) >= 2, 'asked how much had arrived');
    const shown = () => [...document.querySelectorAll('#grid img')].filter((img) => img.naturalWidth > 0).length;
    await until(async () => (await page.evaluate(shown)) === 1, 'the picture in the grid');
    await shoot(page, 'direct-done');
    assert.equal(await page.evaluate(() => sessionStorage.getItem('stockroom.uploads')), null);
    assert.equal(await page.evaluate(() => localStorage.length), 0, 'no URL is kept');
  });
});

test('after a reload the same file goes on where it was', async () => {
  await withPage({}, async (page) => {
    const path = large('valley.png', 2);
    Object.assign(network, { cutAfter: Infinity, bytesPerSecond: 3_000_000, sent: 0 });
    await choose(page, path);
    await until(async () => (await partOf(page, 'valley.png')) > 0.75, 'three quarters');
    await page.reload();
    await page.getByRole('region', { name: 'Uploads' }).waitFor({ state: 'detached' });
    Object.assign(network, { bytesPerSecond: Infinity, sent: 0 });
    const seen = watch(page);
    await choose(page, path);
    await ready(page, 'valley.png');
    assert.equal(count(seen, /^POST \/v1\/uploads$/), 0, 'the same upload');
    assert.ok(network.sent < 9_000_000, `only what was missing: ${network.sent}`);
  });
});

test('paused it waits, cancelled it is given up', async () => {
  await withPage({}, async (page) => {
    const seen = watch(page);
    const open = async () => {
      const uploads = await (await fetch(`${gateway}/v1/uploads`)).json();
      return uploads.uploads.filter((upload) => upload.state === 'UPLOAD_OPEN').length;
    };
    Object.assign(network, { bytesPerSecond: 3_000_000 });
    await choose(page, large('river.png', 3));
    await until(async () => (await partOf(page, 'river.png')) > 0.1, 'bytes on their way');
    await page.getByRole('button', { name: 'Pause upload of river.png' }).click();
    await row(page, 'river.png').getByText('Paused at').waitFor();
    await shoot(page, 'direct-paused');
    assert.equal(await open(), 1);
    await page.getByRole('button', { name: 'Resume upload of river.png' }).click();
    await until(() => count(seen, /^PATCH files:/) >= 2, 'it goes on');
    assert.equal(count(seen, /^POST \/v1\/uploads$/), 1);
    await page.getByRole('button', { name: 'Cancel upload of river.png' }).click();
    await row(page, 'river.png').getByText('Cancelled').waitFor();
    await until(async () => (await open()) === 0, 'the room to be free');
  });
});

test('where the file server can not be reached it goes through the api', async () => {
  await withPage({}, async (page) => {
    const seen = watch(page);
    Object.assign(network, { bytesPerSecond: Infinity, down: true });
    await choose(page, large('cliff.png', 4));
    await ready(page, 'cliff.png');
    network.down = false;
    assert.equal(count(seen, /^POST \/v1\/images/), 1);
    assert.equal(count(seen, /^DELETE \/v1\/uploads\//), 1);
  });
});
