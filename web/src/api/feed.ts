// What happens to images, as it happens: GET /v1/events.
import { problemOf } from './http';
import { authorization, token } from './session';
import { SseParser, type ServerEvent } from './sse_parser';
import type { FeedEvent } from './types';

export interface FeedListener {
  onEvent(event: FeedEvent): void;
  // Events may have been missed: look anew, and start() from the position of that answer.
  onGap(): void;
}

const TYPES = [
  'image.created', 'image.updated', 'image.ready', 'image.failed', 'image.deleted',
  'image.flagged', 'image.approved', 'image.rejected',
];
const LONGEST_PAUSE_MS = 30_000;

// One connection while the page is looked at: browsers allow six to a server over HTTP/1.1, and all
// tabs share them, so a hidden tab gives its own up and goes on where it was.
export class Feed {
  private position = '';
  private wanted = false;
  private failures = 0;
  private timer = 0;
  private source: EventSource | null = null;
  private fetching: AbortController | null = null;

  constructor(private readonly listener: FeedListener) {
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.disconnect();
      else if (this.wanted) this.connect();
    });
  }

  start(position: string): void {
    this.disconnect();
    this.position = position;
    this.wanted = true;
    if (!document.hidden) this.connect();
  }

  stop(): void {
    this.wanted = false;
    this.disconnect();
  }

  private disconnect(): void {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
    this.fetching?.abort();
    this.fetching = null;
  }

  private url(): string {
    return '/v1/events' + (this.position ? `?after_position=${encodeURIComponent(this.position)}` : '');
  }

  private connect(): void {
    this.disconnect();
    // EventSource sends no header fields, so what needs one is read by fetch.
    if (token.value) void this.connectByFetch();
    else this.connectByEventSource();
  }

  private connectByEventSource(): void {
    const source = new EventSource(this.url());
    this.source = source;
    source.onopen = () => {
      this.failures = 0;
    };
    for (const type of TYPES) {
      source.addEventListener(type, (message: MessageEvent<string>) => {
        this.take({ type, data: message.data, id: message.lastEventId });
      });
    }
    source.onerror = () => {
      // While it is CONNECTING it comes back by itself, with Last-Event-ID.
      if (source.readyState !== EventSource.CLOSED || this.source !== source) return;
      this.comeBack(true);
    };
  }

  private async connectByFetch(): Promise<void> {
    const controller = new AbortController();
    this.fetching = controller;
    try {
      const response = await fetch(this.url(), {
        headers: { ...authorization(), Accept: 'text/event-stream' },
        signal: controller.signal,
        credentials: 'omit',
      });
      if (!response.ok || !response.body) {
        throw problemOf(response.status, await response.text(), response.headers.get('Retry-After'));
      }
      this.failures = 0;
      const parser = new SseParser((event) => this.take(event));
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        parser.push(value);
        if (parser.lastId) this.position = parser.lastId;
      }
      if (this.fetching === controller) this.comeBack(false);
    } catch (error) {
      if (controller.signal.aborted || this.fetching !== controller) return;
      this.comeBack(error instanceof Error && 'status' in error);
    }
  }

  // `refused`: by an answer rather than by a broken connection, so the position may be of no use.
  private comeBack(refused: boolean): void {
    this.disconnect();
    this.failures += 1;
    const pause = Math.min(LONGEST_PAUSE_MS, 1000 * 2 ** Math.min(this.failures, 5));
    this.timer = window.setTimeout(
      () => {
        if (!this.wanted || document.hidden) return;
        if (refused) this.listener.onGap();
        else this.connect();
      },
      pause * (0.75 + Math.random() / 2),
    );
  }

  private take(event: ServerEvent): void {
    if (event.id) this.position = event.id;
    try {
      const data = JSON.parse(event.data) as { imageId?: string };
      this.listener.onEvent({ type: event.type, imageId: data.imageId ?? '', position: event.id });
    } catch {
      // Not an event of ours.
    }
  }
}
