// s3rver with a clock that the test moves.  node server.mjs DIRECTORY PORT
//
// Prints "ready" once it listens. GET /-/advance?ms=N moves its clock, by which it dates objects and
// answers and judges signatures.
import { utimes } from 'node:fs/promises';
import http from 'node:http';
import S3rver from 's3rver';

const [directory, port] = process.argv.slice(2);
let offset = 0;
const RealDate = Date;
globalThis.Date = class extends RealDate {
  constructor(...values) {
    if (values.length === 0) super(RealDate.now() + offset);
    else super(...values);
  }
  static now() {
    return RealDate.now() + offset;
  }
};

const s3 = new S3rver({ directory, silent: true, configureBuckets: [{ name: 'bucket' }] });
const putObject = s3.store.putObject.bind(s3.store);
s3.store.putObject = async object => {
  const stored = await putObject(object);
  const now = new Date();
  await utimes(s3.store.getResourcePath(object.bucket, object.key, 'object'), now, now);
  return stored;
};
await s3.configureBuckets();
const serve = s3.callback();

http
  .createServer((request, response) => {
    if (request.url.startsWith('/-/advance?ms=')) {
      offset += Number(request.url.split('=')[1]);
      response.end();
      return;
    }
    const writeHead = response.writeHead.bind(response);
    response.writeHead = (...values) => {
      response.setHeader('Date', new Date().toUTCString());
      return writeHead(...values);
    };
    serve(request, response);
  })
  .listen(Number(port), '127.0.0.1', () => console.log('ready'));
