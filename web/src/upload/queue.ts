// Files on their way to the server: a few at a time, tried again when the server is busy. Knows
// nothing of browsers, so that it can be tested without one.

export type UploadState = 'waiting' | 'sending' | 'processing' | 'paused' | 'done' | 'failed' | 'cancelled';

export interface Upload<F> {
  readonly id: number;
  readonly file: F;
  readonly name: string;
  readonly size: number;
  // Sent with every attempt, so that an upload whose answer was lost is not stored twice.
  readonly key: string;
  state: UploadState;
  sent: number;
  attempts: number;
  // Why it failed, or what it waits for.
  note: string;
  duplicate: boolean;
  imageId: string;
}

export interface Sent {
  imageId: string;
  duplicate: boolean;
  // True while a worker has yet to look at it.
  processing: boolean;
  failure: string;
}

export class SendError extends Error {
  constructor(
    message: string,
    // Whether the same bytes may be taken later.
    readonly again: boolean,
    readonly retryAfterMs = 0,
    // The server waited too long for the bytes: several at once share a line that is too thin.
    readonly tooSlow = false,
  ) {
    super(message);
  }
}

// Why `signal` is aborted when the upload is only paused; for any other reason it was given up.
export const PAUSED = 'paused';

export interface UploadTransport<F> {
  send(upload: Upload<F>, onProgress: (sent: number) => void, signal: AbortSignal): Promise<Sent>;
  // A paused upload will not be resumed.
  discard(upload: Upload<F>): void;
  newKey(): string;
  later(ms: number, run: () => void): void;
}

export interface UploadLimits {
  // Browsers open six connections to a server; thumbnails and events need some.
  parallel: number;
  attempts: number;
  // Files in the list; more are not taken, so that a dropped disk does not fill the memory.
  most: number;
}

export const UPLOAD_LIMITS: UploadLimits = { parallel: 3, attempts: 8, most: 5000 };
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;

export class UploadQueue<F> {
  uploads: Upload<F>[] = [];
  private readonly aborts = new Map<number, AbortController>();
  // Until when nothing is begun: the server asked for peace, and one file's answer counts for all.
  private pausedBy = 0;
  private nextId = 1;
  private parallel: number;

  constructor(
    private readonly transport: UploadTransport<F>,
    private readonly onChange: () => void,
    private readonly limits = UPLOAD_LIMITS,
  ) {
    this.parallel = limits.parallel;
  }

  // How many were taken.
  add(files: { file: F; name: string; size: number }[]): number {
    // The line may be a better one by now.
    const busy = this.uploads.some((upload) => this.isUnderWay(upload) && upload.state !== 'paused');
    if (!busy) this.parallel = this.limits.parallel;
    const taken = files.slice(0, Math.max(0, this.limits.most - this.uploads.length));
    for (const { file, name, size } of taken) {
      this.uploads.push({
        id: this.nextId++,
        file,
        name,
        size,
        key: this.transport.newKey(),
        state: 'waiting',
        sent: 0,
        attempts: 0,
        note: '',
        duplicate: false,
        imageId: '',
      });
    }
    this.pump();
    return taken.length;
  }

  cancel(id: number): void {
    const upload = this.find(id);
    if (!upload || !['waiting', 'sending', 'paused'].includes(upload.state)) return;
    const paused = upload.state === 'paused';
    upload.state = 'cancelled';
    upload.note = '';
    if (paused) this.transport.discard(upload);
    else this.aborts.get(id)?.abort();
    this.pump();
  }

  // What was sent of it is kept where the transport can go on.
  pause(id: number): void {
    const upload = this.find(id);
    if (!upload || !['waiting', 'sending'].includes(upload.state)) return;
    upload.state = 'paused';
    upload.note = '';
    this.aborts.get(id)?.abort(PAUSED);
    this.pump();
  }

  cancelAll(): void {
    for (const upload of this.uploads.slice()) this.cancel(upload.id);
  }

  retry(id: number): void {
    const upload = this.find(id);
    if (!upload || !['failed', 'cancelled', 'paused'].includes(upload.state)) return;
    upload.state = 'waiting';
    upload.attempts = 0;
    upload.note = '';
    this.pump();
  }

  // Forgets what has ended.
  clear(): void {
    this.uploads = this.uploads.filter((upload) => this.isUnderWay(upload));
    this.onChange();
  }

  // Somebody else sits here now: nothing goes on in their name.
  forgetAll(): void {
    this.cancelAll();
    this.uploads = [];
    this.onChange();
  }

  // Processing ended, as events or a look at the image tell.
  processed(imageId: string, failure = ''): void {
    let changed = false;
    for (const upload of this.uploads) {
      if (upload.state !== 'processing' || upload.imageId !== imageId) continue;
      upload.state = failure ? 'failed' : 'done';
      upload.note = failure;
      changed = true;
    }
    if (changed) this.onChange();
  }

  isUnderWay(upload: Upload<F>): boolean {
    return ['waiting', 'sending', 'processing', 'paused'].includes(upload.state);
  }

  private find(id: number): Upload<F> | undefined {
    return this.uploads.find((upload) => upload.id === id);
  }

  private pump(): void {
    while (this.pausedBy === 0 && this.aborts.size < this.parallel) {
      const next = this.uploads.find((upload) => upload.state === 'waiting');
      if (!next) break;
      void this.run(next);
    }
    this.onChange();
  }

  private async run(upload: Upload<F>): Promise<void> {
    const abort = new AbortController();
    this.aborts.set(upload.id, abort);
    upload.state = 'sending';
    upload.sent = 0;
    upload.note = '';
    upload.attempts += 1;
    try {
      const sent = await this.transport.send(upload, (n) => this.progress(upload, n), abort.signal);
      if (!abort.signal.aborted) this.finish(upload, sent);
    } catch (error) {
      if (!abort.signal.aborted) this.fail(upload, error);
    } finally {
      // Unless it was cancelled and has begun again since.
      if (this.aborts.get(upload.id) === abort) this.aborts.delete(upload.id);
      this.pump();
    }
  }

  private progress(upload: Upload<F>, sent: number): void {
    if (upload.state !== 'sending') return;
    upload.sent = Math.min(sent, upload.size);
    this.onChange();
  }

  private finish(upload: Upload<F>, sent: Sent): void {
    upload.sent = upload.size;
    upload.imageId = sent.imageId;
    upload.duplicate = sent.duplicate;
    upload.note = sent.failure;
    upload.state = sent.failure ? 'failed' : sent.processing ? 'processing' : 'done';
  }

  private fail(upload: Upload<F>, error: unknown): void {
    upload.note = error instanceof Error ? error.message : String(error);
    upload.sent = 0;
    if (error instanceof SendError && error.tooSlow) this.parallel = 1;
    if (!(error instanceof SendError) || !error.again || upload.attempts >= this.limits.attempts) {
      upload.state = 'failed';
      return;
    }
    upload.state = 'waiting';
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (upload.attempts - 1));
    this.pausedBy += 1;
    this.transport.later(Math.max(pause, error.retryAfterMs), () => {
      this.pausedBy -= 1;
      this.pump();
    });
  }
}

// Bytes sent of bytes in all, over everything that was not given up.
export function progressOf<F>(uploads: readonly Upload<F>[]): { sent: number; size: number; done: number } {
  const counted = uploads.filter((u) => u.state !== 'cancelled' && u.state !== 'failed');
  return {
    sent: counted.reduce((sum, u) => sum + u.sent, 0),
    size: counted.reduce((sum, u) => sum + u.size, 0),
    done: counted.filter((u) => u.state === 'done' || u.state === 'processing').length,
  };
}
