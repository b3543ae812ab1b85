// A picture server as one writes it with sharp: originals in memory, nothing kept.
//   UV_THREADPOOL_SIZE=N node server.mjs FILE...
// GET /{number of the file}/{width}.{jpg|webp}?q={quality}. Prints its port.
import fs from 'node:fs';
import http from 'node:http';
import { encode, fitted } from './sharp_settings.mjs';

const originals = process.argv.slice(2).map((file) => fs.readFileSync(file));
const types = { jpg: 'image/jpeg', webp: 'image/webp' };

const server = http.createServer(async (request, response) => {
  const match = /^\/(\d+)\/(\d+)\.(jpg|webp)\?q=(\d+)$/.exec(request.url);
  if (!match || !originals[match[1]]) {
    response.writeHead(404).end();
    return;
  }
  try {
    const [, file, width, format, quality] = match;
    const image = fitted(originals[file], Number(width));
    const bytes = await encode[format](image, Number(quality)).toBuffer();
    response.writeHead(200, { 'Content-Type': types[format], 'Content-Length': bytes.length });
    response.end(bytes);
  } catch (error) {
    response.writeHead(500).end(String(error));
  }
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
// Ends with the benchmark.
process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
