// The page against a real Stockroom in which strangers may do nothing.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import test, { after, before } from 'node:test';
import { close, gateway, launch, picture, shoot, until, upload, withPage } from './browser.mjs';

const key = process.env.STOCKROOM_KEY;
const original = picture(1, 900, 600, 8);

before(async () => {
  await launch();
  for (const seed of [2, 3, 4]) await upload(picture(seed, 600, 400), { title: `Study ${seed}` }, key);
  await upload(original, { title: 'Harbour', tags: 'sea' }, key);
});
after(close);

const pictures = (page) =>
  until(
    () =>
      page.evaluate(() => {
        const all = [...document.querySelectorAll('#grid img')];
        return all.length > 0 && all.every((one) => one.complete && one.naturalWidth);
      }),
    'thumbnails',
  );

async function signIn(page, secret) {
  const dialog = page.getByRole('dialog', { name: 'Sign in' });
  await dialog.getByLabel('API key or token').fill(secret);
  await page.keyboard.press('Enter');
  return dialog;
}

// What was asked for, and what was refused of it.
function watch(page) {
  const asked = [];
  const refused = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('response', (response) => response.status() === 401 && refused.push(response.url()));
  return { asked, refused };
}

async function saved(page, link) {
  const [download] = await Promise.all([page.waitForEvent('download'), link.click()]);
  return { name: download.suggestedFilename(), bytes: await readFile(await download.path()) };
}

test('whoever signs in sees public pictures and takes them along', async () => {
  await withPage({}, async (page) => {
    const { asked, refused } = watch(page);
    const dialog = await signIn(page, `${key.slice(0, -4)}0000`);
    await dialog.getByText('The key or token was not accepted.').waitFor();
    refused.length = 0;
    await signIn(page, key);
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('4 images').waitFor();
    await pictures(page);
    await page.getByRole('link', { name: 'Harbour' }).click();
    await until(() => page.locator('.frame img.loaded').count(), 'the picture');
    await shoot(page, 'signed-in');
    const whole = await saved(page, page.getByRole('link', { name: 'Original', exact: true }));
    assert.equal(whole.name, 'other.png');
    assert.ok(whole.bytes.equals(original));
    const small = await saved(page, page.getByRole('link', { name: 'thumb-320', exact: true }));
    assert.match(small.name, /thumb-320/);
    assert.ok(small.bytes.length > 100);
    await page.getByRole('link', { name: 'original', exact: true }).waitFor();
    assert.deepEqual(refused, [], 'nothing is asked for in vain');
    assert.ok(asked.every((url) => !url.includes(key)));
    assert.equal(await page.evaluate(() => localStorage.length), 0);
  });
});

test('a key lasts until signing out, and then nothing is left to see', async () => {
  await withPage({}, async (page) => {
    const { asked } = watch(page);
    await signIn(page, key);
    await pictures(page);
    await page.reload();
    await pictures(page);
    const file = { name: 'mine.png', mimeType: 'image/png', buffer: picture(9, 400, 300) };
    await page.locator('input[type=file]').first().setInputFiles([file]);
    await page.getByText('5 images').waitFor();
    await page.getByRole('region', { name: 'Uploads' }).waitFor();
    await page.getByRole('button', { name: 'Menu' }).click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByRole('dialog', { name: 'Sign in' }).waitFor();
    assert.equal(await page.locator('#grid img').count(), 0);
    assert.equal(await page.getByRole('region', { name: 'Uploads' }).count(), 0);
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
    assert.ok(asked.every((url) => !url.includes(key)));
  });
  assert.equal((await fetch(`${gateway}/v1/search`)).status, 401);
});
