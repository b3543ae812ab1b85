// The page against a real Stockroom, from empty on: tests build upon one another, in order.
import assert from 'node:assert/strict';
import test, { after, before } from 'node:test';
import { close, gateway, launch, picture, shoot, transferOf, until, upload, withPage } from './browser.mjs';

before(launch);
after(close);

const items = (page) => page.locator('#grid li[data-index]');
const shown = (page, n) => until(async () => (await items(page).count()) === n, `${n} images in the grid`);
const loaded = (page) =>
  until(
    () =>
      page.evaluate(() =>
        [...document.querySelectorAll('#grid img')].every((i) => i.complete && i.naturalWidth),
      ),
    'thumbnails',
  );

test('an empty stockroom says how to begin', async () => {
  await withPage({}, async (page) => {
    await page.getByRole('heading', { name: 'No images yet' }).waitFor();
    assert.equal(await page.title(), 'Stockroom');
    await shoot(page, 'empty');
  });
});

test('chosen files are uploaded with progress and appear by themselves', async () => {
  await withPage({}, async (page) => {
    await page.getByRole('heading', { name: 'No images yet' }).waitFor();
    const network = await page.context().newCDPSession(page);
    const throttle = (uploadThroughput) =>
      network.send('Network.emulateNetworkConditions', {
        offline: false,
        latency: 0,
        downloadThroughput: -1,
        uploadThroughput,
      });
    await network.send('Network.enable');
    await throttle(60_000);
    const files = Array.from({ length: 5 }, (_, i) => ({
      name: `harbour ${i}.png`,
      mimeType: 'image/png',
      buffer: picture(i + 1, 400 + 60 * (i % 3), 300, 60),
    }));
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles([...files, { name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('x') }]);
    await page.getByText('One file is no image and was left out.').waitFor();
    const bar = page.getByRole('progressbar', { name: 'Upload of harbour 0.png' });
    await until(async () => Number(await bar.getAttribute('value')) > 0.2, 'bytes on their way');
    assert.equal(await page.locator('.upload.sending').count(), 3, 'three at a time');
    assert.equal(await page.locator('.upload.waiting').count(), 2);
    await shoot(page, 'uploading');
    await throttle(-1);
    await page.getByRole('heading', { name: '5 files uploaded' }).waitFor();
    await until(async () => (await page.locator('.upload.done').count()) === 5, 'all are processed');
    await shown(page, 5);
    await page.getByRole('button', { name: 'Close uploads' }).click();
    await page.getByRole('region', { name: 'Uploads' }).waitFor({ state: 'detached' });
  });
});

test('dropped and pasted files are uploaded, and bytes that are known are said to be', async () => {
  await withPage({}, async (page) => {
    await shown(page, 5);
    const dropped = await transferOf(page, [{ name: 'dropped.png', bytes: picture(11, 300, 420) }]);
    await page.dispatchEvent('body', 'dragenter', { dataTransfer: dropped });
    await page.getByText('Drop images or folders').waitFor();
    await page.dispatchEvent('body', 'drop', { dataTransfer: dropped });
    await page.getByText('Drop images or folders').waitFor({ state: 'hidden' });
    await shown(page, 6);
    const pasted = await transferOf(page, [
      { name: 'pasted.png', bytes: picture(12, 500, 260) },
      { name: 'again.png', bytes: picture(11, 300, 420) },
    ]);
    await page.evaluate((clipboardData) => {
      document.body.dispatchEvent(
        new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }),
      );
    }, pasted);
    await shown(page, 7);
    await page.locator('.upload', { hasText: 'again.png' }).getByText('Was here already').waitFor();
  });
});

test('what the server refuses is told in its words', async () => {
  await withPage({}, async (page) => {
    await page
      .locator('input[type=file]')
      .first()
      .setInputFiles([
        {
          name: 'broken.png',
          mimeType: 'image/png',
          buffer: Buffer.from('this is not a picture, whatever its name says'),
        },
      ]);
    const row = page.locator('.upload.failed', { hasText: 'broken.png' });
    await row.waitFor();
    const word = await row.locator('.upload-word').textContent();
    assert.ok(word && word !== 'Failed', word);
    await row.getByRole('button', { name: 'Upload broken.png again' }).waitFor();
  });
});

test('details show facts, palette and renditions whose addresses can be copied', async () => {
  const image = await upload(picture(20, 1200, 800, 8), {
    title: 'Old harbour',
    tags: 'sea,old town',
    description: 'Boats in the morning.',
  });
  await withPage({}, async (page) => {
    await page.getByRole('link', { name: /^Old harbour/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Old harbour' });
    await dialog.getByText('1200 × 800', { exact: false }).first().waitFor();
    assert.equal(new URL(page.url()).pathname, `/image/${image.id}`);
    assert.equal(await page.title(), 'Old harbour · Stockroom');
    await dialog.getByText('Boats in the morning.').waitFor();
    await dialog.locator('.swatch').first().waitFor();
    const row = dialog.getByRole('row', { name: /^thumb-320/ });
    assert.match(await row.textContent(), /320 × 213/);
    await row.getByRole('button', { name: 'Copy address of thumb-320' }).click();
    await row.getByRole('button', { name: 'Copied' }).waitFor();
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    assert.equal(
      new URL(copied).pathname,
      new URL(image.renditions.find((r) => r.preset === 'thumb-320').url, gateway).pathname,
    );
    assert.equal((await fetch(copied)).status, 200);
    await until(() => dialog.locator('.frame img.loaded').count(), 'the picture');
    const [download] = await Promise.all([
      page.waitForEvent('download'),
      dialog.getByRole('link', { name: 'Original', exact: true }).click(),
    ]);
    assert.equal(download.suggestedFilename(), 'other.png');
    await shoot(page, 'details');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    assert.equal(new URL(page.url()).pathname, '/');
  });
});

test('an address of an image opens it, and closing shows the others', async () => {
  const [image] = (await (await fetch(`${gateway}/v1/search?q=harbour`)).json()).images;
  await withPage({ path: `/image/${image.id}?q=tags%3Asea` }, async (page) => {
    await page.getByRole('dialog', { name: 'Old harbour' }).waitFor();
    await page.getByRole('button', { name: 'Close' }).click();
    await shown(page, 1);
    assert.equal(page.url(), `${gateway}/?q=tags%3Asea`);
  });
  await withPage({ path: '/image/none' }, async (page) => {
    await page.getByRole('alert').waitFor();
    assert.match(await page.getByRole('alert').textContent(), /UUID|id|image/i);
  });
});

test('title and tags are edited, but never over what somebody else has written meanwhile', async () => {
  const [image] = (await (await fetch(`${gateway}/v1/search?q=tags:sea`)).json()).images;
  await withPage({ path: `/image/${image.id}` }, async (page) => {
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Edit' }).click();
    await dialog.getByLabel('Title').fill('New harbour');
    await dialog.getByLabel('Tags, separated by commas').fill('sea, boats');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'New harbour' }).waitFor();
    await dialog.getByRole('button', { name: 'boats', exact: true }).waitFor();

    // Somebody else is faster, and the event of it has not arrived.
    await dialog.getByRole('button', { name: 'Edit' }).click();
    await dialog.getByLabel('Title').fill('Mine');
    await page.route('**/v1/images/*', async (route) => {
      if (route.request().method() !== 'PATCH') return route.continue();
      const headers = { ...route.request().headers(), 'if-match': '"1"' };
      return route.continue({ headers });
    });
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText('Somebody else has changed this image meanwhile.', { exact: false }).waitFor();
    await page.unroute('**/v1/images/*');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'Mine' }).waitFor();
  });
});

test('words search as they are typed, and filters become chips', async () => {
  await upload(picture(21, 640, 400), {
    title: 'Snowy mountain',
    tags: 'winter',
    description: 'A hut in the snow.',
  });
  await withPage({}, async (page) => {
    const box = page.getByRole('combobox', { name: 'Search images' });
    await box.fill('snowy');
    await shown(page, 1);
    assert.equal(new URL(page.url()).searchParams.get('q'), 'snowy');
    await box.fill('');
    await until(async () => (await items(page).count()) > 5, 'everything again');
    await box.pressSequentially('tags:winter ');
    const chip = page.getByRole('button', { name: 'Remove filter tag winter' });
    await chip.waitFor();
    assert.equal(await box.inputValue(), '');
    await shown(page, 1);
    assert.equal(new URL(page.url()).searchParams.get('q'), 'tags:winter');
    await box.pressSequentially('hut');
    await until(
      async () => new URL(page.url()).searchParams.get('q') === 'tags:winter hut',
      'both in the address',
    );
    await page.reload();
    await chip.waitFor();
    assert.equal(await page.getByRole('combobox', { name: 'Search images' }).inputValue(), 'hut');
    await chip.click();
    await page.getByRole('button', { name: 'Clear search' }).click();
    await until(async () => (await items(page).count()) > 5, 'everything again');
    await page.goBack();
    await until(async () => (await page.getByRole('combobox', { name: 'Search images' }).inputValue()) === 'hut', 'back goes back');
  });
  await withPage({ path: '/?q=shade%3Ared' }, async (page) => {
    await page.getByRole('heading', { name: 'This search can not be read' }).waitFor();
    await page.locator('#mistake').getByText('unknown key', { exact: false }).waitFor();
  });
});

test('images of others are announced and do not move what one looks at', async () => {
  await withPage({}, async (page) => {
    await page.getByRole('link', { name: /^Snowy mountain/ }).waitFor();
    const before = await items(page).count();
    const image = await upload(picture(30, 500, 500), { title: 'From elsewhere' });
    await page.getByRole('button', { name: '1 new image' }).waitFor();
    assert.equal(await items(page).count(), before);
    await page.getByRole('button', { name: '1 new image' }).click();
    await page.getByRole('link', { name: 'From elsewhere' }).waitFor();
    await page.getByRole('button', { name: '1 new image' }).waitFor({ state: 'detached' });

    const headers = { 'Content-Type': 'application/json' };
    await fetch(`${gateway}/v1/images/${image.id}`, {
      method: 'PATCH',
      headers,
      body: '{"title":"Renamed elsewhere"}',
    });
    await page.getByRole('link', { name: 'Renamed elsewhere' }).waitFor();
    await fetch(`${gateway}/v1/images/${image.id}`, { method: 'DELETE' });
    await page.getByRole('link', { name: 'Renamed elsewhere' }).waitFor({ state: 'detached' });
    await shown(page, before);
  });
});

test('everything can be done from the keyboard', async () => {
  await withPage({}, async (page) => {
    await until(async () => (await items(page).count()) > 5, 'images');
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.getAttribute('role')), 'combobox');
    await page.keyboard.press('ArrowDown');
    const focused = () =>
      page.evaluate(() => document.activeElement.closest('[data-index]')?.dataset.index ?? '');
    await until(async () => (await focused()) === '0', 'the first image has the focus');
    await page.keyboard.press('ArrowRight');
    await page.keyboard.press('ArrowRight');
    await until(async () => (await focused()) === '2', 'two further');
    await page.keyboard.press('ArrowDown');
    const below = Number(
      await until(async () => Number(await focused()) > 2 && (await focused()), 'a row below'),
    );
    await page.keyboard.press('ArrowUp');
    await until(async () => (await focused()) === '2', 'back again');
    await page.keyboard.press('End');
    await until(async () => Number(await focused()) > below, 'the last');
    await page.keyboard.press('Home');
    await until(async () => (await focused()) === '0', 'the first');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    const first = page.url();
    await page.keyboard.press('ArrowRight');
    await until(() => page.url() !== first, 'the next image');
    for (let i = 0; i < 40; i += 1) await page.keyboard.press('Tab');
    assert.ok(
      await page.evaluate(
        () => document.activeElement === document.body || document.activeElement.closest('dialog') !== null,
      ),
      'the focus stays inside',
    );
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await until(async () => (await focused()) === '1', 'the focus is where one was');
  });
});

test('a hostile title is text', async () => {
  const title = `"><img src=x onerror="window.ran=1"><script>window.ran=1</script>`;
  const image = await upload(picture(31), {
    title,
    tags: `<b onclick=ran()>x`,
    description: '<svg onload="window.ran=1">',
  });
  await fetch(`${gateway}/v1/images/${image.id}/analysis/notes`, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ text: '<img src=x onerror="window.ran=1">' }),
  });
  await withPage({}, async (page) => {
    await page.getByRole('link', { name: '<script>', exact: false }).first().click();
    const dialog = page.getByRole('dialog');
    assert.equal(await dialog.getByRole('heading', { level: 1 }).textContent(), title);
    await dialog.getByText('<svg onload="window.ran=1">').waitFor();
    await dialog.getByText('notes').click();
    await dialog.getByText('onerror=', { exact: false }).last().waitFor();
    assert.equal(await page.evaluate(() => window.ran), undefined);
    assert.equal(await page.locator('script:not([src])').count(), 0);

    await dialog.getByRole('button', { name: 'Delete' }).click();
    const focused = () => page.evaluate(() => document.activeElement.textContent);
    await until(async () => (await focused()) === 'Keep', 'what does no harm has the focus');
    await page.keyboard.press('Shift+Tab');
    await fetch(`${gateway}/v1/images/${image.id}`, {
      method: 'PATCH',
      headers: { 'Content-Type': 'application/json' },
      body: '{"title":"Renamed meanwhile"}',
    });
    await dialog.getByRole('heading', { name: 'Renamed meanwhile' }).waitFor();
    assert.equal(await focused(), 'Delete for ever', 'and keeps what somebody chose instead');
    await dialog.getByRole('button', { name: 'Keep' }).click();
    await dialog.getByRole('button', { name: 'Delete' }).click();
    await dialog.getByRole('button', { name: 'Delete for ever' }).click();
    await page.getByText('Deleted.', { exact: true }).waitFor();
  });
  assert.equal((await fetch(`${gateway}/v1/images/${image.id}`)).status, 404);
});

test('a grid fills its rows, dark and light, on desks and telephones', async () => {
  for (let i = 40; i < 64; i += 1) {
    await upload(picture(i, [600, 400, 480, 720][i % 4], [400, 600, 480, 405][i % 4], 6), {
      title: `Study ${i}`,
    });
  }
  await withPage({}, async (page) => {
    await until(async () => (await items(page).count()) > 20, 'images');
    await loaded(page);
    await shoot(page, 'grid');
    const right = await page.evaluate(() => {
      const grid = document.getElementById('grid').getBoundingClientRect();
      return (
        Math.max(
          ...[...document.querySelectorAll('#grid li')].map((li) => li.getBoundingClientRect().right),
        ) - grid.right
      );
    });
    assert.ok(Math.abs(right) <= 1, `the longest row ends ${right} px from the edge`);
  });
  const brightness = (page) =>
    page.evaluate(() => {
      const canvas = document.createElement('canvas').getContext('2d');
      canvas.fillStyle = getComputedStyle(document.documentElement).backgroundColor;
      canvas.fillRect(0, 0, 1, 1);
      return canvas.getImageData(0, 0, 1, 1).data[0];
    });
  await withPage({ colorScheme: 'dark' }, async (page) => {
    await until(async () => (await items(page).count()) > 20, 'images');
    await loaded(page);
    assert.ok((await brightness(page)) < 60);
    await shoot(page, 'dark');
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('radio', { name: 'Light' }).check();
    assert.ok((await brightness(page)) > 200);
    await page.reload();
    await until(async () => (await brightness(page)) > 200, 'the choice stays');
  });
  await withPage(
    { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true },
    async (page) => {
      await until(async () => (await items(page).count()) > 10, 'images');
      await loaded(page);
      await shoot(page, 'phone');
      const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      assert.ok((await wide()) <= 0, 'nothing sticks out');
      await items(page).first().click();
      await page.getByRole('dialog').waitFor();
      await until(() => page.locator('.frame img.loaded').count(), 'the picture');
      await shoot(page, 'phone-details');
      assert.ok((await wide()) <= 0, 'nothing sticks out');
    },
  );
});

test('filters, suggestions and similar images are those of the server', async () => {
  const license = 'CC BY 4.0';
  const look = picture(90, 700, 500, 4);
  const first = await upload(look, { title: 'Lighthouse', tags: 'quay', license });
  // Other bytes that look the same.
  await upload(Buffer.concat([look, Buffer.from('more')]), { title: 'Lighthouse again', tags: 'quay' });
  await upload(picture(91, 300, 500), { title: 'Tower', tags: 'quay' });
  await withPage({ path: '/?q=tags%3Aquay' }, async (page) => {
    const q = () => new URL(page.url()).searchParams.get('q');
    const filters = page.getByRole('dialog', { name: 'Filters' });
    await page.getByText('3 images').waitFor();
    await page.getByRole('button', { name: 'Filters' }).click();
    const narrow = async (value, query, left) => {
      const button = filters.getByRole('button', { name: value, exact: true });
      await button.click();
      await until(() => q() === `tags:quay ${query}`, value);
      await page.getByText(left, { exact: true }).waitFor();
      await page.getByRole('button', { name: /^Remove filter/ }).nth(1).waitFor();
      await filters.locator('[aria-pressed=true]', { hasText: value.split(' ')[0] }).click();
      await until(() => q() === 'tags:quay', `without ${value}`);
      await page.getByText('3 images', { exact: true }).waitFor();
    };
    await narrow('portrait 1', 'orientation:portrait', '1 image');
    await narrow('landscape 2', 'orientation:landscape', '2 images');
    await narrow(`${license} 1`, `license:"${license}"`, '1 image');
    await narrow('png 3', 'format:png', '3 images');
    await narrow(`${new Date(first.createTime).getUTCFullYear()} 3`, `date:*-*-${new Date(first.createTime).getUTCFullYear()}`, '3 images');
    await shoot(page, 'filters-real');
    await page.keyboard.press('Escape');

    await page.getByRole('link', { name: 'Lighthouse', exact: true }).click();
    await page.locator('.similar').getByRole('link', { name: 'Lighthouse again' }).click();
    await page.getByRole('heading', { name: 'Lighthouse again' }).waitFor();
    await page.keyboard.press('Escape');
  });
  await withPage({}, async (page) => {
    const box = page.getByRole('combobox', { name: 'Search images' });
    await box.pressSequentially('qua');
    await page.getByRole('option', { name: /quay/ }).first().click();
    await page.getByText('3 images', { exact: true }).waitFor();
    // Nobody is known here, and may do everything.
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByText('Not signed in').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await page.getByRole('button', { name: 'Upload' }).first().isEnabled(), true);
  });
});

test('the documentation of the API is there, runs under its policy and can be tried', async () => {
  await withPage({ path: '/apidocs' }, async (page) => {
    await page.getByRole('heading', { name: /^Stockroom/ }).waitFor();
    const ping = page.locator('.opblock', { hasText: '/v1/ping' });
    await ping.locator('.opblock-summary').click();
    await ping.getByRole('button', { name: 'Execute' }).click();
    await ping.locator('.live-responses-table').getByText('200').first().waitFor();
    await shoot(page, 'apidocs');
  });
});
