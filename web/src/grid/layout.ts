// Rows of pictures that fill the width, each row of one height. Pure; grows at its end.

export interface Place {
  index: number;
  x: number;
  width: number;
}

// Extreme panoramas and strips are shown cropped, so that one picture never takes a screen.
const NARROWEST = 0.5;
const WIDEST = 3;

export function usableAspect(width: number | undefined, height: number | undefined): number {
  if (!width || !height) return 1;
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}

// The height that rows aim at: two or three pictures across a phone, five or six across a desk.
export function targetHeight(width: number): number {
  if (width < 480) return 138;
  if (width < 900) return 180;
  return 232;
}

export class JustifiedLayout {
  private readonly starts: number[] = [];
  private readonly tops: number[] = [];
  private readonly heights: number[] = [];
  private placed = 0;

  constructor(
    readonly width: number,
    readonly target: number,
    readonly gap: number,
    // Of every picture so far; shared with whoever learns of more.
    private readonly aspects: readonly number[],
  ) {}

  get rows(): number {
    return this.starts.length;
  }

  // Bottom of the last row.
  get height(): number {
    const last = this.rows - 1;
    return last < 0 ? 0 : (this.tops[last] ?? 0) + (this.heights[last] ?? 0);
  }

  get count(): number {
    return this.placed;
  }

  // Places everything in `aspects`. The last row is filled up by later ones, so it is made anew.
  grow(): void {
    const last = this.rows - 1;
    if (last >= 0 && this.placed < this.aspects.length) {
      this.placed = this.starts.pop() ?? 0;
      this.tops.pop();
      this.heights.pop();
    }
    while (this.placed < this.aspects.length) this.addRow();
  }

  private addRow(): void {
    const start = this.placed;
    let sum = 0;
    let end = start;
    let height = Infinity;
    while (end < this.aspects.length && height > this.target) {
      sum += this.aspects[end] ?? 1;
      end += 1;
      height = this.heightOf(sum, end - start);
    }
    // With one picture less the row is higher; whichever comes closer to the target.
    if (height <= this.target && end - start > 1) {
      const without = this.heightOf(sum - (this.aspects[end - 1] ?? 1), end - start - 1);
      if (without - this.target < this.target - height && without < this.target * 1.4) {
        end -= 1;
        height = without;
      }
    }
    const top = this.rows === 0 ? 0 : this.height + this.gap;
    this.starts.push(start);
    this.tops.push(top);
    this.heights.push(Math.round(Math.min(height, this.target * 1.4)));
    this.placed = end;
  }

  private heightOf(sum: number, count: number): number {
    return (this.width - this.gap * (count - 1)) / sum;
  }

  rowTop(row: number): number {
    return this.tops[row] ?? 0;
  }

  rowHeight(row: number): number {
    return this.heights[row] ?? 0;
  }

  // Pictures of a row, left to right. Full rows end exactly at the width.
  rowItems(row: number): Place[] {
    const start = this.starts[row] ?? this.placed;
    const end = this.starts[row + 1] ?? this.placed;
    const height = this.rowHeight(row);
    const places: Place[] = [];
    let x = 0;
    let sum = 0;
    for (let i = start; i < end; i += 1) sum += this.aspects[i] ?? 1;
    const full = Math.abs(height - this.heightOf(sum, end - start)) < 1;
    for (let i = start; i < end; i += 1) {
      const rest = this.width - x;
      const width =
        full && i === end - 1 ? rest : Math.min(rest, Math.round((this.aspects[i] ?? 1) * height));
      places.push({ index: i, x, width });
      x += width + this.gap;
    }
    return places;
  }

  // The row at `y`; the nearest one if there is none.
  rowAt(y: number): number {
    return Math.max(0, lastNotAbove(this.tops, y));
  }

  rowOf(index: number): number {
    return Math.max(0, lastNotAbove(this.starts, index));
  }

  // The picture above or below `index`: the one whose middle is nearest.
  neighbour(index: number, rows: number): number {
    const from = this.rowOf(index);
    const to = from + rows;
    if (to < 0 || to >= this.rows) return index;
    const here = this.rowItems(from).find((place) => place.index === index);
    const middle = here ? here.x + here.width / 2 : 0;
    let best = index;
    let least = Infinity;
    for (const place of this.rowItems(to)) {
      const away = Math.abs(place.x + place.width / 2 - middle);
      if (away < least) {
        least = away;
        best = place.index;
      }
    }
    return best;
  }

  // What `count` more pictures will take, going by those known.
  estimate(count: number): number {
    if (count <= 0) return 0;
    const each =
      this.placed > 0 && this.height > 0
        ? (this.height + this.gap) / this.placed
        : (this.target * this.target * 1.4) / Math.max(this.width, 1);
    return count * each;
  }
}

// Index of the last element that is at most `value`, -1 if none is.
function lastNotAbove(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? Infinity) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
