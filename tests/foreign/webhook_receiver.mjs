// A receiver of webhooks as others would write it: requests are verified by the public library
// standardwebhooks. Prints its port; is told what to do over /control. With arguments KEY and CERT
// (PEM files) it speaks https.
//
//   POST /control {"path": "/a", "secret": "whsec_...", "answers": [500, 204], "hang": true,
//                  "location": "http://…", "retryAfter": 1}
//     The last of `answers` is repeated. What is left out stays as it was.
//   GET /control?path=/a   [{"id", "timestamp", "verified", "signatures", "body"}, …]
import { readFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { createServer as createHttps } from 'node:https';
import { Webhook } from 'standardwebhooks';

const paths = new Map();
const stateOf = (path) => {
  if (!paths.has(path)) paths.set(path, { answers: [204], received: [], hanging: [] });
  return paths.get(path);
};

function control(request, url, body, response) {
  if (request.method === 'POST') {
    const told = JSON.parse(body);
    const state = Object.assign(stateOf(told.path), told);
    if (!state.hang) for (const hanging of state.hanging.splice(0)) hanging.destroy();
    response.end('{}');
  } else {
    response.end(JSON.stringify(stateOf(url.searchParams.get('path')).received));
  }
}

function verify(state, request, body) {
  try {
    new Webhook(state.secret).verify(body, request.headers);
    return true;
  } catch (error) {
    return String(error);
  }
}

function receive(request, url, body, response) {
  const state = stateOf(url.pathname);
  state.received.push({
    id: request.headers['webhook-id'],
    timestamp: request.headers['webhook-timestamp'],
    signatures: request.headers['webhook-signature'].split(' ').length,
    verified: verify(state, request, body),
    body: JSON.parse(body),
  });
  if (state.hang) {
    state.hanging.push(request.socket);
    return;
  }
  response.statusCode = state.answers.length > 1 ? state.answers.shift() : state.answers[0];
  if (state.location) response.setHeader('location', state.location);
  if (state.retryAfter) response.setHeader('retry-after', state.retryAfter);
  response.end('thank you');
}

const [key, cert] = process.argv.slice(2).map((name) => readFileSync(name));
const create = key ? (listener) => createHttps({ key, cert }, listener) : createHttp;
const server = create((request, response) => {
  const url = new URL(request.url, 'http://receiver');
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8');
    (url.pathname === '/control' ? control : receive)(request, url, body, response);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
