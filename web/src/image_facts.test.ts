import assert from 'node:assert/strict';
import test from 'node:test';
import { bytes, exposureTime } from './format';
import {
  fileFacts,
  otherAnalysis,
  paletteOf,
  pathOf,
  photographFacts,
  renditionsOf,
  thumbnailOf,
} from './image_facts';

test('a photograph is described as photographers do', () => {
  const facts = photographFacts({
    id: 'a',
    takenTime: '2016-01-12T15:33:28Z',
    analysis: {
      facts: {
        camera: { make: 'NIKON CORPORATION', model: 'NIKON D90' },
        exposure: { time_s: 0.004, f_number: 2.8, iso: 400, focal_length_mm: 50, focal_length_35mm: 75 },
        gps: { latitude: 52.37021, longitude: 4.89517 },
      },
    },
  });
  const value = (name: string) => facts.find((fact) => fact.name === name)?.value;
  assert.equal(value('Taken'), '12 January 2016 at 15:33');
  assert.equal(value('Exposure'), '1/250 s  ·  f/2.8  ·  ISO 400');
  assert.equal(value('Focal length'), '50 mm (75 mm in 35 mm)');
  assert.equal(value('Place'), '52.37021, 4.89517');
});

test('results of any shape break nothing', () => {
  for (const analysis of [
    { facts: 'text', palette: 7 },
    {
      facts: { camera: [], exposure: { time_s: 'x', iso: null }, gps: { latitude: 'a' } },
      palette: { colors: [1, null, 'a'] },
    },
    { palette: { colors: [{ hex: 'red;background:url(//x)', weight: 1 }] } },
  ]) {
    const image = { id: 'a', analysis };
    assert.deepEqual(photographFacts(image), []);
    assert.deepEqual(paletteOf(image), []);
    assert.ok(Array.isArray(fileFacts(image)));
  }
  assert.deepEqual(otherAnalysis({ id: 'a', analysis: { faces: { n: 2 }, facts: {} } }), [
    { name: 'faces', json: '{\n  "n": 2\n}' },
  ]);
});

test('addresses lead to this gateway only', () => {
  assert.equal(pathOf('/i/a/b.jpg'), '/i/a/b.jpg');
  for (const url of ['//evil/x', 'https://evil', 'javascript:1', '/\\evil', '', undefined])
    assert.equal(pathOf(url), '');
});

test('the smallest rendition that is large enough is taken', () => {
  const rendition = (width: number) => ({
    preset: `thumb-${width}`,
    width,
    height: width,
    url: `/i/a/thumb-${width}.jpg`,
  });
  const image = { id: 'a', renditions: [rendition(720), rendition(150), rendition(320)] };
  assert.deepEqual(
    renditionsOf(image).map((one) => one.width),
    [150, 320, 720],
  );
  assert.equal(thumbnailOf(image, 100)?.width, 320);
  assert.equal(thumbnailOf(image, 400)?.width, 720);
  assert.equal(thumbnailOf(image, 4000)?.width, 720);
});

test('numbers are for people', () => {
  assert.equal(bytes(999), '999 B');
  assert.equal(bytes(2_270_597), '2.3 MB');
  assert.equal(bytes(999_999), '1.0 MB');
  assert.equal(exposureTime(2), '2 s');
  assert.equal(exposureTime(0.0005), '1/2000 s');
});
