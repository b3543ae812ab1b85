// What a search found, page by page as somebody scrolls. Of pictures seen once only their shapes
// stay; records are kept near the window and fetched again when it comes back.
import { comeBackAfter, isAbort, isPassing } from '../api/http';
import type { Found, Image, SearchAnswer } from '../api/types';
import { usableAspect } from './layout';

export type FetchPage = (token: string, size: number, signal: AbortSignal) => Promise<SearchAnswer>;

// Records in memory, at about 1.5 KiB each.
const MOST_RECORDS = 3000;
const FIRST_PAGE = 80;
const NEXT_PAGE = 200;
// The server's largest: for going through what is only scrolled past.
const LARGEST_PAGE = 500;
const RETRY_MS = 12_000;

interface Page {
  token: string;
  first: number;
  count: number;
  items: Found[] | null;
}

function foundIn(answer: SearchAnswer): Found[] {
  const hits = answer.hits ?? [];
  return (answer.images ?? []).map((image, i) => {
    const hit = hits[i];
    return hit ? { ...image, hit } : image;
  });
}

export class Results {
  // As the server counted; what is known if that is more.
  total = 0;
  // Shapes of all pictures up to the farthest page.
  readonly aspects: number[] = [];
  feedPosition = '';
  // The server did not count every one.
  isEstimate = false;
  // What was meant, if nothing was found.
  didYouMean = '';
  error: unknown = null;
  // True once the first page is there.
  begun = false;
  // Counts changes of shapes besides new ones at the end: a layout made of them is out of date.
  shape = 0;

  private pages: Page[] = [];
  private next: string | null = '';
  private window: [number, number] = [0, 1];
  private busy = false;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly controller = new AbortController();

  constructor(
    private readonly fetchPage: FetchPage,
    private readonly onChange: () => void,
    private readonly limits = { records: MOST_RECORDS, first: FIRST_PAGE, next: NEXT_PAGE },
  ) {}

  get known(): number {
    return this.aspects.length;
  }

  get complete(): boolean {
    return this.next === null;
  }

  get records(): number {
    return this.pages.reduce((sum, page) => sum + (page.items?.length ?? 0), 0);
  }

  dispose(): void {
    this.controller.abort();
    clearTimeout(this.retry);
  }

  at(index: number): Found | undefined {
    const page = this.pages[this.pageOf(index)];
    return page?.items?.[index - page.first];
  }

  // -1 if it is not in memory.
  indexOf(id: string): number {
    for (const page of this.pages) {
      const i = page.items?.findIndex((image) => image.id === id) ?? -1;
      if (i >= 0) return page.first + i;
    }
    return -1;
  }

  // Somebody looks at first..last; sees to it that these are there.
  want(first: number, last: number): void {
    this.window = [first, last];
    void this.pump();
  }

  tryAgain(): void {
    clearTimeout(this.retry);
    this.error = null;
    void this.pump();
  }

  replace(image: Image): void {
    for (const page of this.pages) {
      const i = page.items?.findIndex((one) => one.id === image.id) ?? -1;
      if (i < 0 || !page.items) continue;
      // What the search said of it stays.
      const hit = page.items[i]?.hit;
      page.items[i] = hit ? { ...image, hit } : image;
      this.aspects[page.first + i] = usableAspect(image.width, image.height);
      this.shape += 1;
      return this.onChange();
    }
  }

  remove(id: string): boolean {
    const index = this.indexOf(id);
    const page = this.pages[this.pageOf(index)];
    if (index < 0 || !page?.items) return false;
    page.items.splice(index - page.first, 1);
    this.aspects.splice(index, 1);
    this.shape += 1;
    this.total = Math.max(0, this.total - 1);
    this.resize(page, page.items.length);
    this.onChange();
    return true;
  }

  private pageOf(index: number): number {
    let low = 0;
    let high = this.pages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.pages[middle]?.first ?? Infinity) <= index) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  private async pump(): Promise<void> {
    if (this.busy || this.error || this.controller.signal.aborted) return;
    const task = this.nextTask();
    if (!task) return;
    this.busy = true;
    try {
      await task();
    } catch (error) {
      if (isAbort(error) || this.controller.signal.aborted) return;
      this.error = error;
      if (isPassing(error)) this.retry = setTimeout(() => this.tryAgain(), comeBackAfter(error, RETRY_MS));
    } finally {
      this.busy = false;
    }
    this.evict();
    this.onChange();
    void this.pump();
  }

  private nextTask(): (() => Promise<void>) | null {
    const [first, last] = this.window;
    const missing = this.pages.find(
      (page) => !page.items && page.count > 0 && page.first <= last && page.first + page.count > first,
    );
    if (missing) return () => this.reload(missing);
    if (this.next === null || (this.begun && this.known > last + this.limits.next / 2)) return null;
    const behind = first - this.known;
    const most = Math.min(LARGEST_PAGE, Math.max(this.limits.next, behind));
    const size = this.begun ? most : this.limits.first;
    return () => this.loadNext(size);
  }

  private async loadNext(size: number): Promise<void> {
    const token = this.next ?? '';
    const answer = await this.fetchPage(token, size, this.controller.signal);
    const items = foundIn(answer);
    this.pages.push({ token, first: this.known, count: items.length, items });
    for (const image of items) this.aspects.push(usableAspect(image.width, image.height));
    this.next = answer.nextPageToken || null;
    if (!this.begun) {
      this.feedPosition = answer.feedPosition ?? '';
      this.didYouMean = answer.didYouMean ?? '';
    }
    this.isEstimate = this.next !== null && answer.totalIsEstimate === true;
    this.begun = true;
    this.total = this.next === null ? this.known : Math.max(Number(answer.total ?? 0), this.known + 1);
  }

  private async reload(page: Page): Promise<void> {
    const answer = await this.fetchPage(page.token, page.count, this.controller.signal);
    // Some may have gone meanwhile.
    const items = foundIn(answer).slice(0, page.count);
    page.items = items;
    const shapes = items.map((image) => usableAspect(image.width, image.height));
    const changed = shapes.length !== page.count || shapes.some((s, i) => s !== this.aspects[page.first + i]);
    if (!changed) return;
    this.aspects.splice(page.first, page.count, ...shapes);
    this.shape += 1;
    this.total -= page.count - items.length;
    this.resize(page, items.length);
  }

  private resize(page: Page, count: number): void {
    page.count = count;
    let first = 0;
    for (const one of this.pages) {
      one.first = first;
      first += one.count;
    }
    if (this.complete) this.total = this.known;
  }

  // The records farthest from the window go first.
  private evict(): void {
    const [first, last] = this.window;
    let records = this.records;
    const away = (page: Page) => Math.max(first - (page.first + page.count), page.first - last);
    const far = this.pages.filter((page) => page.items && away(page) > 0).sort((a, b) => away(b) - away(a));
    for (const page of far) {
      if (records <= this.limits.records) return;
      records -= page.items?.length ?? 0;
      page.items = null;
    }
  }
}
