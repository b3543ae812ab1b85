// The page against answers made up here: many results, a busy server, one that wants to know who
// asks, and what other parts of Stockroom will answer.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { close, launch, picture, shoot, until, withPage } from './browser.mjs';

before(launch);
after(close);

const TOTAL = 100_000;
const pixel = picture(1, 32, 24);
const items = (page) => page.locator('#grid li[data-index]');

function image(i, more = {}) {
  const id = `i${i}`;
  const [width, height] = [
    [600, 400],
    [400, 600],
    [500, 500],
    [900, 500],
  ][(i * 7) % 4];
  const rendition = (size) => ({
    preset: `thumb-${size}`,
    format: 'png',
    width: Math.round((size * width) / Math.max(width, height)),
    height: Math.round((size * height) / Math.max(width, height)),
    sizeBytes: '100',
    url: `/i/${id}/thumb-${size}.png`,
  });
  return {
    id,
    owner: 'ann',
    title: `Image ${i}`,
    tags: [],
    visibility: 'PUBLIC',
    state: 'READY',
    filename: `${i}.png`,
    sizeBytes: '100',
    width,
    height,
    format: 'png',
    frames: 1,
    revision: '1',
    thumbHash: '',
    renditions: [rendition(320), rendition(720)],
    originalUrl: `/i/${id}/original`,
    ...more,
  };
}

const json = (route, body, status = 200, headers = {}) =>
  route.fulfill({
    status,
    contentType: status < 400 ? 'application/json' : 'application/problem+json',
    headers,
    body: JSON.stringify(body),
  });

// A server of `total` images; `more` answers what it wants to of the rest.
function answers({ total = 3, more = () => undefined, make = image } = {}) {
  const seen = [];
  const routes = async (page) => {
    await page.route(/\/(v1|i)\//, async (route) => {
      const request = route.request();
      const url = new URL(request.url());
      seen.push({
        method: request.method(),
        path: url.pathname,
        query: url.searchParams,
        headers: request.headers(),
      });
      const answered = await more(route, url, request);
      if (answered !== undefined) return;
      if (url.pathname.startsWith('/i/')) return route.fulfill({ contentType: 'image/png', body: pixel });
      if (url.pathname === '/v1/search') {
        const first = Number(url.searchParams.get('page_token') || 0);
        const end = Math.min(total, first + Number(url.searchParams.get('page_size')));
        const images = Array.from({ length: end - first }, (_, i) => make(first + i));
        return json(route, {
          images,
          nextPageToken: end < total ? String(end) : '',
          total: String(total),
          feedPosition: '7',
        });
      }
      if (url.pathname === '/v1/events')
        return route.fulfill({ contentType: 'text/event-stream', body: 'retry: 600000\nid: 7\n\n' });
      const id = /^\/v1\/images\/(i\d+)$/.exec(url.pathname)?.[1];
      if (id) return json(route, make(Number(id.slice(1))));
      return json(route, { status: 404, detail: 'nothing here' }, 404);
    });
  };
  return { seen, routes };
}

test('a hundred thousand images scroll with a bounded document', async () => {
  const { seen, routes } = answers({ total: TOTAL });
  await withPage({ routes }, async (page) => {
    await page.getByText('100,000 images').waitFor();
    const height = () => page.evaluate(() => document.documentElement.scrollHeight);
    assert.ok((await height()) > 1_000_000);
    const bounded = async () => {
      const elements = await page.evaluate(() => document.getElementsByTagName('*').length);
      assert.ok(elements < 1500, `${elements} elements`);
      assert.ok((await items(page).count()) < 150);
    };
    await bounded();
    for (let i = 0; i < 30; i += 1) {
      await page.mouse.wheel(0, 1200);
      await page.evaluate(() => new Promise(requestAnimationFrame));
    }
    await bounded();
    const seenIndex = () =>
      page.evaluate(() => {
        const at = document.elementsFromPoint(innerWidth / 2, innerHeight / 2);
        return Number(
          at.find((element) => element.matches?.('#grid li[data-index] *'))?.closest('li').dataset.index ??
            -1,
        );
      });
    await until(async () => (await seenIndex()) > 100, 'images after scrolling');
    // Far past what is known: the shapes in between are learned, and nothing else is kept.
    await page.evaluate(() => scrollTo(0, 700_000));
    await until(async () => (await seenIndex()) > 5000, 'images far below');
    await bounded();
    assert.ok(
      seen.some((one) => one.query.get('page_size') === '500'),
      'in large pages',
    );
    await page.evaluate(() => scrollTo(0, 0));
    await until(async () => (await seenIndex()) >= 0 && (await seenIndex()) < 50, 'the first ones again');
    await bounded();
    await page.keyboard.press('Tab');
    assert.equal(await items(page).first().getAttribute('aria-setsize'), String(TOTAL));
  });
});

test('a busy server gets the same upload again after the time that it asked for', async () => {
  const keys = [];
  const { routes } = answers({
    more: (route, url, request) => {
      if (request.method() !== 'POST') return undefined;
      keys.push(request.headers()['idempotency-key']);
      if (keys.length === 1) {
        return json(route, { status: 429, detail: 'too many uploads at once', retry_after_ms: 300 }, 429, {
          'Retry-After': '1',
        }).then(() => true);
      }
      return json(route, { image: image(0), deduplicated: false }, 201).then(() => true);
    },
  });
  await withPage({ routes }, async (page) => {
    await page
      .locator('input[type=file]')
      .setInputFiles([{ name: 'a.png', mimeType: 'image/png', buffer: pixel }]);
    await page.getByText('too many uploads at once').waitFor();
    await page.getByRole('heading', { name: '1 file uploaded' }).waitFor();
    assert.equal(keys.length, 2);
    assert.ok(keys[0] && keys[0] === keys[1]);
  });
});

test('an upload can be cancelled and begun again', async () => {
  let held = 0;
  const { routes } = answers({
    more: (route, url, request) => {
      if (request.method() !== 'POST') return undefined;
      held += 1;
      return held === 1 ? true : json(route, { image: image(0) }, 201).then(() => true);
    },
  });
  await withPage({ routes }, async (page) => {
    await page
      .locator('input[type=file]')
      .setInputFiles([{ name: 'a.png', mimeType: 'image/png', buffer: pixel }]);
    await until(() => held === 1, 'the upload');
    const stopped = page.waitForEvent('requestfailed', (request) => request.method() === 'POST');
    await page.getByRole('button', { name: 'Cancel upload of a.png' }).click();
    await stopped;
    await page.getByRole('button', { name: 'Upload a.png again' }).click();
    await page.getByRole('heading', { name: '1 file uploaded' }).waitFor();
  });
});

test('uploads that were cancelled make room for the next', async () => {
  const names = [];
  const { routes } = answers({
    more: (route, url, request) => {
      if (request.method() !== 'POST') return undefined;
      names.push(url.searchParams.get('filename'));
      return names.length <= 3 ? true : json(route, { image: image(0) }, 201).then(() => true);
    },
  });
  await withPage({ routes }, async (page) => {
    const file = (name) => ({ name, mimeType: 'image/png', buffer: pixel });
    await page.locator('input[type=file]').setInputFiles(['a', 'b', 'c', 'd'].map((n) => file(`${n}.png`)));
    await until(() => names.length === 3, 'three at a time');
    for (const name of names.slice()) {
      await page.getByRole('button', { name: `Cancel upload of ${name}` }).click();
    }
    await page.getByRole('heading', { name: '1 file uploaded' }).waitFor();
    assert.equal(names[3], 'd.png');
  });
});

test('an image that is deleted while it is processed holds up no other', async () => {
  let uploaded = 0;
  const { routes } = answers({
    more: (route, url, request) => {
      const at = Number(/^\/v1\/images\/i(\d+)$/.exec(url.pathname)?.[1] ?? -1);
      // Nobody ever works on 1 to 4; 0 is gone; 5 is done.
      if (at === 0) return json(route, { status: 404, detail: 'no such image' }, 404).then(() => true);
      if (at >= 1 && at <= 4) return json(route, image(at, { state: 'PENDING' })).then(() => true);
      if (request.method() !== 'POST') return undefined;
      const state = 'PENDING';
      return json(route, { image: image(uploaded++, { state }) }, 201).then(() => true);
    },
  });
  await withPage({ routes }, async (page) => {
    const file = (i) => ({ name: `${i}.png`, mimeType: 'image/png', buffer: pixel });
    await page.locator('input[type=file]').setInputFiles([0, 1, 2, 3, 4, 5].map(file));
    await page.locator('.upload.failed').getByText('It was deleted.').waitFor();
    await page.locator('.upload.done').waitFor();
    assert.equal(await page.locator('.upload.processing').count(), 4);
  });
});

test('who is asked to sign in does so, and everything is asked for with their key', async () => {
  const who = { subject: 'ann', anonymous: false, scopes: ['images:read', 'images:write'] };
  const make = (i) =>
    image(i, { visibility: i === 0 ? 'PRIVATE' : 'PUBLIC', owner: i === 0 ? 'ann' : 'bob' });
  const { seen, routes } = answers({
    make,
    more: (route, url, request) => {
      const key = request.headers()['authorization'];
      if (url.pathname.startsWith('/v1/') && key !== 'Bearer sr_good') {
        return json(route, { status: 401, detail: 'no key that counts' }, 401).then(() => true);
      }
      if (url.pathname === '/i/i0/thumb-320.png' && key !== 'Bearer sr_good') {
        return json(route, { status: 404 }, 404).then(() => true);
      }
      if (url.pathname === '/v1/me') return json(route, who).then(() => true);
      if (url.pathname === '/v1/events') {
        const first =
          !url.searchParams.get('after_position') || url.searchParams.get('after_position') === '7';
        const body = first ? 'event: image.ready\ndata: {"imageId":"i77"}\nid: 41\n\n' : 'id: 42\n\n';
        return route.fulfill({ contentType: 'text/event-stream', body }).then(() => true);
      }
      return undefined;
    },
  });
  await withPage({ routes }, async (page) => {
    const dialog = page.getByRole('dialog', { name: 'Sign in' });
    await dialog.getByLabel('API key or token').fill('sr_bad');
    await page.keyboard.press('Enter');
    await dialog.getByText('The key or token was not accepted.').waitFor();
    await shoot(page, 'sign-in');
    await dialog.getByLabel('API key or token').fill('sr_good');
    await page.keyboard.press('Enter');
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('3 images').waitFor();
    const secret = page.locator('[data-index="0"] img');
    await until(
      async () => (await secret.getAttribute('src'))?.startsWith('blob:'),
      'the private one from memory',
    );
    await until(() => secret.evaluate((element) => element.naturalWidth > 0), 'and it is seen');
    assert.ok((await page.locator('[data-index="1"] img').getAttribute('src')).startsWith('/i/i1/'));
    const resumed = () =>
      seen.some(
        (one) =>
          one.path === '/v1/events' &&
          one.query.get('after_position') === '41' &&
          one.headers['authorization'],
      );
    await until(resumed, 'events read with the key, on from the last one');

    await page.getByRole('link', { name: 'Image 1' }).click();
    await page.getByRole('heading', { name: 'Image 1' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Edit' }).count(), 0, 'it is of somebody else');
    await page.keyboard.press('ArrowLeft');
    await page.getByRole('button', { name: 'Edit' }).waitFor();
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('link', { name: 'Original', exact: true }).click(),
    ]);
    assert.equal(download.suggestedFilename(), '0.png');
    assert.ok(
      seen.some((one) => one.path === '/i/i0/original' && one.headers['authorization']),
      'with the key',
    );
    await page.keyboard.press('Escape');

    assert.equal(await page.evaluate(() => localStorage.length), 0, 'no key outlives the tab');
    await page.reload();
    await page.getByText('3 images').waitFor();
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByText('Signed in as ann').waitFor();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.ok(
      seen.every((one) => !one.query.toString().includes('sr_')),
      'no key in an address',
    );
  });
});

test('suggestions complete the last word, and a tag becomes a chip', async () => {
  const asked = [];
  const { routes } = answers({
    more: (route, url) => {
      if (url.pathname !== '/v1/suggest') return undefined;
      asked.push(url.searchParams.get('prefix'));
      const suggestions = [
        { text: 'harbour', kind: 'TAG', count: '12' },
        { text: 'harvest', kind: 'WORD', count: '3' },
      ];
      return json(route, { suggestions }).then(() => true);
    },
  });
  await withPage({ routes }, async (page) => {
    const box = page.getByRole('combobox', { name: 'Search images' });
    await box.pressSequentially('old har');
    await page.getByRole('option', { name: /harvest/ }).waitFor();
    await until(() => asked.includes('har'), 'the last word is asked for');
    await shoot(page, 'suggestions');
    await page.keyboard.press('ArrowDown');
    assert.equal(await box.getAttribute('aria-activedescendant'), 'suggestion-0');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Remove filter tag harbour' }).waitFor();
    assert.equal(await box.inputValue(), 'old');
    assert.equal(new URL(page.url()).searchParams.get('q'), 'tags:harbour old');
    await page.keyboard.press('Escape');
    await box.fill('old har');
    await page.getByRole('option', { name: /harvest/ }).click();
    await until(
      async () => new URL(page.url()).searchParams.get('q') === 'tags:harbour old harvest',
      'the word',
    );
  });
});

test('facets narrow the search, and similar images are a click away', async () => {
  const facets = [
    {
      field: 'tag',
      values: [
        { value: 'sea', count: '40' },
        { value: 'old town', count: '2' },
      ],
    },
    { field: 'year', values: [{ value: '2020', count: '31' }] },
    {
      field: 'format',
      values: [
        { value: 'jpeg', count: '30' },
        { value: 'png', count: '12' },
      ],
    },
    { field: 'license', values: [{ value: 'CC0', count: '9' }] },
    { field: 'color', values: [{ value: 'teal', count: '5' }] },
    { field: 'camera', values: [{ value: 'Canon EOS R5', count: '4' }] },
    { field: 'state', values: [{ value: 'ready', count: '42' }] },
  ];
  const { routes } = answers({
    more: (route, url) => {
      if (url.searchParams.has('facets'))
        return json(route, { images: [], total: '3', facets }).then(() => true);
      if (url.pathname.endsWith('/similar')) {
        return json(route, { matches: [{ image: image(2), distance: 0.1 }] }).then(() => true);
      }
      return undefined;
    },
  });
  await withPage({ routes }, async (page) => {
    const q = () => new URL(page.url()).searchParams.get('q');
    await page.getByRole('button', { name: 'Filters' }).click();
    await page.getByRole('button', { name: 'old town 2' }).click();
    await until(() => q() === 'tags:"old town"', 'the tag');
    await page.getByRole('button', { name: '2020 31' }).click();
    await page.getByRole('button', { name: 'jpeg 30' }).click();
    await page.getByLabel('From').fill('2020-02-01');
    await until(() => q() === 'tags:"old town" date:*-*-2020 format:jpeg from:01-02-2020', 'all of them');
    await shoot(page, 'filters');
    await page.getByRole('button', { name: 'jpeg 30' }).click();
    await until(() => !q().includes('format'), 'and off again');
    await page.getByRole('button', { name: 'Canon EOS R5 4' }).click();
    await page.getByRole('button', { name: 'teal 5' }).click();
    await until(() => q().endsWith('camera:"Canon EOS R5" color:teal'), 'a camera and a colour');
    assert.equal(await page.getByRole('button', { name: 'ready 42' }).count(), 0, 'no choice, no filter');
    await page.keyboard.press('Escape');
    await page.getByRole('link', { name: 'Image 0' }).click();
    await page.getByRole('dialog').locator('.similar a').click();
    await page.getByRole('heading', { name: 'Image 2' }).waitFor();
  });
});

test('order and groups are in the address and in what is asked for', async () => {
  const { seen, routes } = answers({
    more: (route, url) => {
      if (url.pathname !== '/v1/search' || url.searchParams.get('collapse_similar') !== 'true') return undefined;
      const images = [image(0), image(1)];
      const hits = images.map(({ id }, i) => ({ id, similarCount: String(i * 4), highlights: [] }));
      return json(route, { images, hits, total: '6', totalIsEstimate: false }).then(() => true);
    },
  });
  await withPage({ routes }, async (page) => {
    const address = () => new URL(page.url()).searchParams;
    const asked = () => seen.filter((one) => one.path === '/v1/search').at(-1).query;
    const order = page.getByLabel('Order');
    assert.ok(!(await order.locator('option').allTextContents()).includes('Most similar'), 'to what?');
    await order.selectOption('Largest');
    await until(() => asked().get('order') === 'LARGEST', 'the order is asked for');
    await order.selectOption('Random');
    await until(() => asked().get('order') === 'RANDOM', 'the random order');
    assert.equal(asked().get('seed'), address().get('seed'));
    await page.goBack();
    await until(async () => (await order.inputValue()) === 'largest', 'back to the order before');
    await page.getByRole('button', { name: 'Group similar' }).click();
    const badge = page.getByRole('link', { name: '+4 similar' });
    await badge.waitFor();
    assert.equal(address().get('group'), '1');
    await shoot(page, 'groups');
    await badge.click();
    await until(() => asked().get('q') === 'similar:i1', 'those behind it');
    assert.equal(asked().get('order'), 'MOST_SIMILAR');
    await page.getByRole('button', { name: 'Remove filter looks like i1' }).click();
    await until(() => !asked().get('order'), 'no order without what it needs');
  });
});

test('matches are marked in characters, in captions and details', async () => {
  const make = (i) => image(i, { title: '🦊 red fox', description: 'The fox sat in the snow.', tags: ['Fox', 'sea'] });
  const highlights = [
    { field: 'title', text: '🦊 red fox', ranges: [{ begin: 6, end: 9 }] },
    { field: 'description', text: 'fox sat', ranges: [{ begin: 0, end: 3 }] },
    { field: 'tags', text: 'Fox', ranges: [{ begin: 0, end: 3 }] },
  ];
  const { seen, routes } = answers({
    make,
    more: (route, url) => {
      if (url.pathname !== '/v1/search' || url.searchParams.get('q') !== 'fox') return undefined;
      const images = [make(0)];
      return json(route, { images, hits: [{ id: 'i0', highlights }], total: '1' }).then(() => true);
    },
  });
  await withPage({ path: '/?q=fox', routes }, async (page) => {
    await items(page).first().hover();
    assert.deepEqual(await page.locator('.caption mark').allTextContents(), ['fox']);
    await shoot(page, 'matches');
    assert.equal(seen.find((one) => one.path === '/v1/search').query.get('highlight'), 'true');
    await items(page).first().locator('a').click();
    const panel = page.getByRole('dialog');
    await panel.locator('.description mark').waitFor();
    assert.equal(await panel.locator('.description').textContent(), 'The fox sat in the snow.');
    assert.deepEqual(await panel.locator('.tags mark').allTextContents(), ['Fox']);
  });
});

test('what was meant is a click away', async () => {
  const { routes } = answers({
    more: (route, url) => {
      if (url.pathname !== '/v1/search' || url.searchParams.get('q') !== 'harbuor') return undefined;
      return json(route, { images: [], total: '0', didYouMean: 'harbour' }).then(() => true);
    },
  });
  await withPage({ path: '/?q=harbuor', routes }, async (page) => {
    await shoot(page, 'meant');
    await page.getByRole('button', { name: 'harbour' }).click();
    await items(page).first().waitFor();
    assert.equal(new URL(page.url()).searchParams.get('q'), 'harbour');
  });
});

test('a mistake is shown where it is, with what may have been meant', async () => {
  const { routes } = answers({
    more: (route, url) => {
      if (url.searchParams.get('q') !== 'für colr:red') return undefined;
      const problem = {
        status: 400,
        detail: 'query, position 6: there is no field "colr"',
        reason: 'QUERY_UNKNOWN_KEY',
        metadata: { position: '6', suggestion: 'color' },
      };
      return json(route, problem, 400).then(() => true);
    },
  });
  await withPage({ path: `/?q=${encodeURIComponent('für colr:red')}`, routes }, async (page) => {
    const note = page.locator('#mistake');
    await note.waitFor();
    assert.equal(await note.locator('mark').textContent(), 'colr');
    assert.equal(await page.getByRole('combobox', { name: 'Search images' }).getAttribute('aria-invalid'), 'true');
    await shoot(page, 'mistake');
    await note.getByRole('button', { name: 'Search for für color:red' }).click();
    await items(page).first().waitFor();
    assert.equal(await page.getByRole('combobox', { name: 'Search images' }).getAttribute('aria-invalid'), 'false');
    assert.equal(await note.count(), 0);
  });
});

test('the help of the search shows the language, and its examples work', async () => {
  const { seen, routes } = answers();
  await withPage({ routes }, async (page) => {
    await page.getByRole('button', { name: 'Search help' }).click();
    const help = page.getByRole('dialog', { name: 'Search help' });
    await help.waitFor();
    await shoot(page, 'help');
    await help.getByRole('button', { name: 'cat OR dog' }).click();
    await until(() => seen.at(-1).query.get('q') === 'cat OR dog', 'the example is asked for');
    assert.ok(!(await help.isVisible()));
    const box = page.getByRole('combobox', { name: 'Search images' });
    await until(async () => (await box.inputValue()) === 'cat OR dog', 'and stands where one types');
    await box.fill('(cat OR');
    await box.press('End');
    await box.pressSequentially(' bird)');
    await until(() => new URL(page.url()).searchParams.get('q') === '(cat OR bird)', 'once it is whole');
    assert.ok(!seen.some((one) => one.query.get('q') === '(cat OR'), 'half a query is not asked for');
  });
});

test('a server that is busy for a moment takes nothing away from what is shown', async () => {
  let images = [0, 1, 2];
  let busy = false;
  let refusals = 0;
  const { routes } = answers({
    more: (route, url) => {
      if (url.pathname === '/v1/events') {
        const body = 'event: image.ready\ndata: {"imageId":"i77"}\nid: 41\n\n';
        return route.fulfill({ contentType: 'text/event-stream', body }).then(() => true);
      }
      if (url.pathname !== '/v1/search') return undefined;
      if (busy) {
        refusals += 1;
        return json(route, { status: 503, detail: 'not now', retry_after_ms: 700 }, 503).then(() => true);
      }
      const found = url.searchParams.get('page_size') === '50' ? [77, ...images] : images;
      return json(route, { images: found.map((i) => image(i)), total: '3', feedPosition: '7' }).then(() => true);
    },
  });
  await withPage({ routes }, async (page) => {
    const pill = page.getByRole('button', { name: '1 new image' });
    await pill.waitFor();
    busy = true;
    await pill.click();
    await until(() => refusals > 0, 'a refusal');
    await until(() => refusals > 1, 'another one, when the server said');
    assert.equal(await items(page).count(), 3);
    assert.equal(await page.getByRole('heading', { name: 'Something went wrong' }).count(), 0);
    images = [77, 0, 1, 2];
    busy = false;
    await page.getByRole('link', { name: 'Image 77' }).waitFor();
  });
});

test('a slow answer about who was here before changes nothing', async () => {
  let tellBefore = () => {};
  const held = new Promise((resolve) => (tellBefore = resolve));
  const { routes } = answers({
    more: async (route, url, request) => {
      if (url.pathname !== '/v1/me') return undefined;
      const key = request.headers()['authorization'];
      if (key !== 'Bearer sr_first') {
        return json(route, { subject: 'second', scopes: ['images:read'] }).then(() => true);
      }
      await held;
      return json(route, { status: 401, detail: 'this key has ended' }, 401).then(() => true);
    },
  });
  const keep = async (page) => {
    await page.addInitScript(() => sessionStorage.setItem('stockroom.token', 'sr_first'));
    await routes(page);
  };
  await withPage({ routes: keep }, async (page) => {
    await page.getByText('3 images').waitFor();
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('button', { name: 'Sign in …' }).click();
    await page.getByLabel('API key or token').fill('sr_second');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByText('Signed in as second').waitFor();
    const late = page.waitForResponse((one) => one.url().endsWith('/v1/me') && one.status() === 401);
    tellBefore();
    await late;
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => setTimeout(done))));
    assert.equal(await page.getByRole('dialog', { name: 'Sign in' }).count(), 0);
    await page.getByText('Signed in as second').waitFor();
  });
});

test('a server that is away is told of, and tried again', async () => {
  let away = true;
  const { routes } = answers({
    more: (route, url) => {
      if (!away || url.pathname !== '/v1/search') return undefined;
      return json(route, { status: 503, detail: 'the database is away' }, 503).then(() => true);
    },
  });
  await withPage({ routes }, async (page) => {
    await page.getByRole('alert').getByText('the database is away').waitFor();
    away = false;
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByText('3 images').waitFor();
  });
});
