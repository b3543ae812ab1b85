// Server-sent events out of pieces of text (HTML Living Standard, 9.2.6). Pure.

export interface ServerEvent {
  type: string;
  data: string;
  id: string;
}

export class SseParser {
  // Of the last event, or of an id that came alone: where to go on from.
  lastId = '';
  private rest = '';
  private data: string[] = [];
  private type = '';

  constructor(private readonly onEvent: (event: ServerEvent) => void) {}

  push(text: string): void {
    this.rest += text;
    // A CR at the end may be half of a CRLF.
    for (;;) {
      const match = /\r\n|\n|\r(?!$)/.exec(this.rest);
      if (!match) return;
      const line = this.rest.slice(0, match.index);
      this.rest = this.rest.slice(match.index + match[0].length);
      this.line(line);
    }
  }

  private line(line: string): void {
    if (line === '') return this.dispatch();
    if (line.startsWith(':')) return;
    const colon = line.indexOf(':');
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    if (field === 'data') this.data.push(value);
    else if (field === 'event') this.type = value;
    else if (field === 'id' && !value.includes('\0')) this.lastId = value;
  }

  private dispatch(): void {
    const data = this.data.join('\n');
    const type = this.type || 'message';
    const any = this.data.length > 0;
    this.data = [];
    this.type = '';
    if (any) this.onEvent({ type, data, id: this.lastId });
  }
}
