import assert from 'node:assert/strict';
import test from 'node:test';
import { SseParser, type ServerEvent } from './sse_parser';

function parse(...pieces: string[]): { events: ServerEvent[]; lastId: string } {
  const events: ServerEvent[] = [];
  const parser = new SseParser((event) => events.push(event));
  for (const piece of pieces) parser.push(piece);
  return { events, lastId: parser.lastId };
}

const stream =
  'retry: 2000\nid: 4\n\nevent: image.ready\ndata: {"a":\ndata: 1}\nid: 5\n\n: hello\n\nid: 9\n\n';

test('events have a type, data and the id they came with', () => {
  const { events, lastId } = parse(stream);
  assert.deepEqual(events, [{ type: 'image.ready', data: '{"a":\n1}', id: '5' }]);
  assert.equal(lastId, '9', 'an id alone moves the place to come back to');
});

test('pieces may end anywhere', () => {
  assert.deepEqual(parse(...stream), parse(stream));
  const dos = stream.replaceAll('\n', '\r\n');
  assert.deepEqual(parse(...dos), parse(stream));
});

test('an event is nothing before its empty line', () => {
  assert.equal(parse('data: x\n').events.length, 0);
});
