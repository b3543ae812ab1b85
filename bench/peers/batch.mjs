// sharp for benchmarks: a JSON order a line on standard input, a JSON answer a line on standard output.
// {"op":"generate","folder":F,"count":N,"width":W,"height":H}   photograph-like JPEGs 0.jpg, 1.jpg, …
// {"op":"progressive","from":F,"to":F}                          the same picture, coded progressively
// {"op":"fit","file":F,"width":W,"quality":Q,"times":N}         one after the other -> seconds a picture
// {"op":"ingest","files":[F],"sides":[S],"qualities":[Q],"at_once":N}
//     of each file one JPEG a side, with one pipeline each      -> seconds for all
import fs from 'node:fs';
import readline from 'node:readline';
import { encode, fitted, sharp } from './sharp_settings.mjs';

const cached = new Map();
function bytesOf(file) {
  if (!cached.has(file)) cached.set(file, fs.readFileSync(file));
  return cached.get(file);
}

// Large soft shapes with grain: compresses about as a photograph does.
async function generate({ folder, count, width, height }) {
  const noise = (w, h, sigma) => ({
    create: { width: w, height: h, channels: 3, background: '#808080', noise: { type: 'gaussian', mean: 128, sigma } },
  });
  for (let i = 0; i < count; ++i) {
    const soft = await sharp(noise(24 + i, 18 + i, 60)).resize(width, height, { fit: 'fill', kernel: 'cubic' }).png().toBuffer();
    const grain = await sharp(noise(width, height, 7)).png({ compressionLevel: 0 }).toBuffer();
    await sharp(soft).composite([{ input: grain, blend: 'soft-light' }]).jpeg({ quality: 90 }).toFile(`${folder}/${i}.jpg`);
  }
  return {};
}

async function progressive({ from, to }) {
  await sharp(from).keepMetadata().jpeg({ quality: 92, progressive: true }).toFile(to);
  return {};
}

async function fit({ file, width, quality, times }) {
  const input = bytesOf(file);
  const begun = performance.now();
  let size = 0;
  for (let i = 0; i < times; ++i) {
    size = (await encode.jpg(fitted(input, width), quality).toBuffer()).length;
  }
  return { seconds: (performance.now() - begun) / 1000 / times, bytes: size };
}

async function ingest({ files, sides, qualities, at_once: atOnce }) {
  const begun = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < files.length) {
      const input = bytesOf(files[next++]);
      for (let i = 0; i < sides.length; ++i) {
        await encode.jpg(fitted(input, sides[i], sides[i]), qualities[i]).toBuffer();
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { seconds: (performance.now() - begun) / 1000 };
}

const operations = { generate, progressive, fit, ingest };
for await (const line of readline.createInterface({ input: process.stdin })) {
  const order = JSON.parse(line);
  try {
    console.log(JSON.stringify(await operations[order.op](order)));
  } catch (error) {
    console.log(JSON.stringify({ error: String(error) }));
  }
}
