// The OpenAPI document against a public validator, and its promises against the gateway.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';

const gateway = process.env.STOCKROOM_GATEWAY;

async function document() {
  const response = await fetch(`${gateway}/openapi.json`);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get('content-type'), 'application/json');
  return response.json();
}

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator();
  const result = await validator.validate(await document());
  assert.ok(result.valid, JSON.stringify(result.errors, null, 1));
  assert.equal(validator.version, '3.1');
});

test('every reference leads somewhere and every operation has its own id', async () => {
  const whole = await document();
  const ids = new Set();
  for (const operations of Object.values(whole.paths)) {
    for (const operation of Object.values(operations)) {
      assert.ok(!ids.has(operation.operationId), operation.operationId);
      ids.add(operation.operationId);
      assert.ok(operation.summary, operation.operationId);
      assert.ok(operation.responses.default || operation.tags[0] === 'Operations');
    }
  }
  for (const [, path] of JSON.stringify(whole).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    assert.ok(path.split('/').reduce((at, name) => at?.[name], whole), path);
  }
});

test('routes that take no arguments answer as documented', async () => {
  const whole = await document();
  for (const [path, operations] of Object.entries(whole.paths)) {
    if (!operations.get || path.includes('{') || path === '/v1/events') continue;
    const response = await fetch(gateway + path);
    if (path.startsWith('/v1/moderation/')) {
      // Even where nobody logs in, strangers are no moderators.
      assert.equal(response.status, 401, path);
      continue;
    }
    assert.equal(response.status, 200, path);
    const type = response.headers.get('content-type').split(';')[0];
    assert.ok(operations.get.responses['200'].content[type], `${path} answers with ${type}`);
  }
});

test('errors have the documented shape', async () => {
  const whole = await document();
  const response = await fetch(`${gateway}/v1/images/none`);
  assert.equal(response.headers.get('content-type'), 'application/problem+json');
  const problem = await response.json();
  const schema = whole.components.schemas.Problem;
  for (const name of schema.required) assert.ok(name in problem, name);
  for (const name of Object.keys(problem)) assert.ok(name in schema.properties, name);
});
