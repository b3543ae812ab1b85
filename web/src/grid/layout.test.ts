import assert from 'node:assert/strict';
import test from 'node:test';
import { JustifiedLayout, usableAspect } from './layout';

function aspectsOf(count: number): number[] {
  return Array.from({ length: count }, (_, i) => [1.5, 0.67, 1, 1.78, 0.75][(i * 7) % 5] ?? 1);
}

function whole(layout: JustifiedLayout): { index: number; row: number; right: number; height: number }[] {
  const all = [];
  for (let row = 0; row < layout.rows; row += 1) {
    for (const place of layout.rowItems(row)) {
      all.push({ index: place.index, row, right: place.x + place.width, height: layout.rowHeight(row) });
    }
  }
  return all;
}

test('every picture stands in exactly one row, in order, inside the width', () => {
  for (const width of [320, 768, 1440]) {
    const layout = new JustifiedLayout(width, 220, 4, aspectsOf(500));
    layout.grow();
    const all = whole(layout);
    assert.deepEqual(
      all.map((p) => p.index),
      Array.from({ length: 500 }, (_, i) => i),
    );
    assert.ok(all.every((p) => p.right <= width && p.height <= 220 * 1.4 + 1));
  }
});

test('rows are justified but for the last', () => {
  const layout = new JustifiedLayout(1200, 220, 4, aspectsOf(200));
  layout.grow();
  for (let row = 0; row < layout.rows - 1; row += 1) {
    const last = layout.rowItems(row).at(-1);
    assert.equal((last?.x ?? 0) + (last?.width ?? 0), 1200, `row ${row}`);
  }
});

test('growing page by page gives the same rows as all at once', () => {
  const all = aspectsOf(333);
  const once = new JustifiedLayout(1000, 200, 4, all);
  once.grow();
  const some: number[] = [];
  const grown = new JustifiedLayout(1000, 200, 4, some);
  for (let i = 0; i < all.length; i += 50) {
    some.push(...all.slice(i, i + 50));
    grown.grow();
  }
  assert.deepEqual(whole(grown), whole(once));
});

test('rows are found by height and by picture', () => {
  const layout = new JustifiedLayout(1000, 200, 4, aspectsOf(300));
  layout.grow();
  for (let row = 0; row < layout.rows; row += 1) {
    assert.equal(layout.rowAt(layout.rowTop(row)), row);
    assert.equal(layout.rowAt(layout.rowTop(row) + layout.rowHeight(row) - 1), row);
    for (const place of layout.rowItems(row)) assert.equal(layout.rowOf(place.index), row);
  }
  assert.equal(layout.rowAt(-10), 0);
  assert.equal(layout.rowAt(1e9), layout.rows - 1);
});

test('up and down go to the nearest picture and stop at the ends', () => {
  const layout = new JustifiedLayout(
    1000,
    200,
    4,
    Array.from({ length: 40 }, () => 1),
  );
  layout.grow();
  const down = layout.neighbour(2, 1);
  assert.equal(layout.rowOf(down), 1);
  assert.equal(layout.neighbour(down, -1), 2);
  assert.equal(layout.neighbour(2, -1), 2);
  assert.equal(layout.neighbour(39, 1), 39);
});

test('a hundred thousand pictures are placed, and extremes are tamed', () => {
  const layout = new JustifiedLayout(1400, 232, 4, aspectsOf(100_000));
  layout.grow();
  assert.equal(layout.count, 100_000);
  assert.ok(layout.height < 16_000_000, 'browsers scroll this far');
  assert.equal(usableAspect(10_000, 10), 3);
  assert.equal(usableAspect(10, 10_000), 0.5);
  assert.equal(usableAspect(undefined, 10), 1);
});

test('nothing takes no room, and more of the same as much again', () => {
  const layout = new JustifiedLayout(1000, 200, 4, aspectsOf(100));
  assert.equal(layout.height, 0);
  assert.equal(layout.estimate(0), 0);
  assert.ok(layout.estimate(10) > 0);
  layout.grow();
  assert.ok(Math.abs(layout.estimate(100) - layout.height) < 10);
});
