// Debian's Chromium on the page, with what every test wants to know: did a script fail, did the
// page ask for what its policy forbids.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { chromium } from 'playwright-core';

export const gateway = process.env.STOCKROOM_GATEWAY;
const screenshots = process.env.STOCKROOM_SCREENSHOTS || mkdtempSync(join(tmpdir(), 'stockroom-shots-'));
mkdirSync(screenshots, { recursive: true });

let browser;

export async function launch() {
  browser = await chromium.launch({
    executablePath: process.env.STOCKROOM_CHROMIUM || '/usr/bin/chromium',
    headless: true,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}

export async function close() {
  await browser?.close();
}

// Runs `use` with a page of its own. `routes` are set before it is loaded.
export async function withPage({ path = '/', routes = async () => {}, ...options }, use) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    locale: 'en-GB',
    permissions: ['clipboard-read', 'clipboard-write'],
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(error.stack));
  page.on('console', (message) => {
    if (/Content Security Policy|TrustedHTML|TrustedScript/.test(message.text())) wrong.push(message.text());
  });
  await routes(page);
  await page.goto(gateway + path);
  try {
    await use(page);
    assert.deepEqual(wrong, [], 'the page has no errors and asks for nothing forbidden');
  } catch (error) {
    await page.screenshot({ path: join(screenshots, 'failed.png') }).catch(() => {});
    throw error;
  } finally {
    await context.close();
  }
}

export async function shoot(page, name) {
  await page.screenshot({ path: join(screenshots, `${name}.png`) });
}

// Until `look` returns something true.
export async function until(look, what) {
  const end = Date.now() + 30_000;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) assert.fail(`waited in vain: ${what}`);
    await new Promise((done) => setTimeout(done, 20));
  }
}

const crcTable = Array.from({ length: 256 }, (_, n) => {
  for (let k = 0; k < 8; k += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n >>> 0;
});

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type), data]);
  let crc = 0xffffffff;
  for (const byte of body) crc = crcTable[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE((crc ^ 0xffffffff) >>> 0, body.length + 4);
  return framed;
}

// A PNG of two smooth colours that differs for every seed. `grain`: how much noise, so how many bytes.
export function picture(seed, width = 360, height = 240, grain = 0) {
  let state = (seed * 2654435761) >>> 0 || 1;
  const random = () => {
    state = (state ^ (state << 13)) >>> 0;
    state = (state ^ (state >>> 17)) >>> 0;
    state = (state ^ (state << 5)) >>> 0;
    return state / 2 ** 32;
  };
  const from = [random() * 255, random() * 255, random() * 255];
  const to = [random() * 255, random() * 255, random() * 255];
  const rows = Buffer.alloc(height * (1 + width * 3));
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const part = (x / width + y / height) / 2;
      for (let c = 0; c < 3; c += 1) {
        const value = from[c] + (to[c] - from[c]) * part + grain * (random() - 0.5);
        rows[y * (1 + width * 3) + 1 + x * 3 + c] = Math.max(0, Math.min(255, value));
      }
    }
  }
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk('IHDR', head),
    chunk('IDAT', zlib.deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

// Another client's upload; returns the image once it can be found.
export async function upload(bytes, fields = {}, key = '') {
  const query = new URLSearchParams({ filename: 'other.png', wait: 'true', ...fields });
  const response = await fetch(`${gateway}/v1/images?${query}`, {
    method: 'POST',
    headers: { 'Content-Type': 'image/png', ...(key ? { Authorization: `Bearer ${key}` } : {}) },
    body: bytes,
  });
  assert.ok(response.ok, await response.clone().text());
  return (await response.json()).image;
}

// Files as a drag or a paste carries them.
export async function transferOf(page, files) {
  const list = files.map(({ name, bytes, type = 'image/png' }) => ({
    name,
    type,
    text: bytes.toString('base64'),
  }));
  return page.evaluateHandle((all) => {
    const transfer = new DataTransfer();
    for (const { name, type, text } of all) {
      const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
      transfer.items.add(new File([bytes], name, { type }));
    }
    return transfer;
  }, list);
}
