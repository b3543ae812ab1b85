// Large files go straight to the file server, by a URL that was signed for them, and go on where
// they were cut: also after the page was loaded anew, with the same file. Knows nothing of browsers,
// so that it can be tested without one.
import type { UploadAnswer } from '../api/types';
import { PAUSED, SendError, type Upload } from './queue';

// Below it one request through the gateway is quicker than announcing, sending and completing.
export const DIRECT_FROM_BYTES = 8 << 20;

// How long what could not be reached is left alone.
const AVOID_MS = 5 * 60_000;

export interface UploadRecord {
  id?: string;
  state?: string;
  receivedBytes?: string;
}
export interface AnnounceAnswer {
  upload?: UploadRecord;
  urls?: { tusUrl?: string };
}

// An answer that is no success; status 0: there was none.
export interface Refusal {
  status: number;
  reason: string;
  message: string;
  retryAfterMs: number;
}

// A transfer that ended early.
export class TransferError extends Error {
  constructor(
    message: string,
    // Of the file server's answer; 0: there was none.
    readonly status: number,
    // Whether the file server had answered before.
    readonly reached: boolean,
  ) {
    super(message);
  }
}

// Calls of the api by whoever began the upload, whoever sits here by now.
export interface DirectCalls {
  call<T>(path: string, init?: { method?: string; body?: unknown; key?: string }): Promise<T>;
}

export interface DirectParts<F> {
  // Where the page may send bytes; none: direct uploads are not set up.
  origins(): Promise<readonly string[]>;
  calls(): DirectCalls;
  // What `call` throws, or undefined for what is none of that.
  refusalOf(error: unknown): Refusal | undefined;
  // Throws TransferError. `answered`: it is known that the file server can be reached, so that
  // silence is worth more patience.
  transfer(
    file: F,
    url: string,
    onProgress: (sent: number) => void,
    signal: AbortSignal,
    answered: boolean,
  ): Promise<void>;
  // The same for the same file, also when the page was loaded anew.
  nameOf(file: F): string;
  // Ids of uploads under way, by the name of their file; outlives a reload.
  remember(name: string, id: string): void;
  remembered(name: string): string;
  forget(name: string): void;
  newKey(): string;
  now(): number;
}

export class DirectUploads<F> {
  // Ids that are being sent: the same file may be in the queue twice.
  private readonly busy = new Set<string>();
  private avoidUntil = 0;
  // Once it has taken a file, its silence is a restart or a broken line, no wall.
  private answered = false;

  constructor(private readonly parts: DirectParts<F>) {}

  // Undefined: this one goes through the gateway. Throws SendError.
  async send(
    upload: Upload<F>,
    onProgress: (sent: number) => void,
    signal: AbortSignal,
  ): Promise<UploadAnswer | undefined> {
    if (upload.size < DIRECT_FROM_BYTES || this.parts.now() < this.avoidUntil) return undefined;
    const origins = await this.parts.origins();
    if (origins.length === 0) return undefined;
    const one = new One(this.parts, upload, signal, this.busy);
    try {
      const url = await one.begin();
      if (url === undefined) return undefined;
      if (url !== '' && !origins.includes(originOf(url))) return await this.avoid(one);
      if (url !== '') {
        const outcome = await one.transfer(url, onProgress, this.answered);
        if (outcome === 'unreachable') return await this.avoid(one);
        this.answered = true;
      }
      return await one.complete();
    } finally {
      one.end();
    }
  }

  // Of one that was paused and will not go on.
  async discard(file: F): Promise<void> {
    const name = this.parts.nameOf(file);
    const id = this.parts.remembered(name);
    if (!id || this.busy.has(id)) return;
    this.parts.forget(name);
    try {
      await this.parts.calls().call(`/v1/uploads/${encodeURIComponent(id)}`, { method: 'DELETE' });
    } catch {
      // It expires.
    }
  }

  // It can not be reached, or only the line is down for a moment: then nor can the api.
  private async avoid(one: One<F>): Promise<undefined> {
    if (!(await one.giveUp())) throw new SendError('The connection broke; trying again.', true);
    this.avoidUntil = this.parts.now() + AVOID_MS;
    return undefined;
  }
}

function originOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch {
    return '';
  }
}

// One attempt.
class One<F> {
  private readonly calls: DirectCalls;
  private readonly name: string;
  private id = '';
  // Bytes of it have arrived.
  private begun = false;

  constructor(
    private readonly parts: DirectParts<F>,
    private readonly upload: Upload<F>,
    private readonly signal: AbortSignal,
    private readonly busy: Set<string>,
  ) {
    this.calls = parts.calls();
    this.name = parts.nameOf(upload.file);
  }

  // The URL for the bytes; '' if they are there already; undefined without direct uploads.
  async begin(): Promise<string | undefined> {
    let answer = await this.again();
    // A key that was used for an upload which has ended since is of no use any more.
    for (const key of [() => `${this.upload.key}-direct`, () => this.parts.newKey()]) {
      if (answer && isOfUse(answer)) break;
      try {
        answer = await this.announce(key());
      } catch (error) {
        const refusal = this.parts.refusalOf(error);
        if (refusal && isForTheGateway(refusal)) return undefined;
        throw this.errorOf(error);
      }
    }
    this.id = answer?.upload?.id ?? '';
    if (!answer || !this.id || !isOfUse(answer)) {
      throw new SendError('The answer is not what Stockroom sends.', false);
    }
    this.begun = Number(answer.upload?.receivedBytes ?? 0) > 0;
    this.busy.add(this.id);
    this.parts.remember(this.name, this.id);
    if (this.signal.aborted) throw await this.stopped();
    return answer.upload?.state === 'UPLOAD_OPEN' ? (answer.urls?.tusUrl ?? '') : '';
  }

  async transfer(
    url: string,
    onProgress: (sent: number) => void,
    known: boolean,
  ): Promise<'whole' | 'unreachable'> {
    const answered = known || this.begun;
    let failure: unknown;
    try {
      await this.parts.transfer(this.upload.file, url, onProgress, this.signal, answered);
    } catch (error) {
      failure = error;
    }
    if (this.signal.aborted) throw await this.stopped();
    if (!failure) return 'whole';
    if (!(failure instanceof TransferError)) throw failure;
    const { status, reached, message } = failure;
    if (status === 0 && !reached && !answered) return 'unreachable';
    // Of these the next attempt asks how the upload stands, and gets another URL.
    const passes = status === 0 || status >= 500 || [403, 404, 408, 409, 410, 423, 429].includes(status);
    throw new SendError(status ? message : 'The connection broke; trying again.', passes);
  }

  async complete(): Promise<UploadAnswer> {
    try {
      const answer = await this.calls.call<UploadAnswer>(`/v1/uploads/${encodeURIComponent(this.id)}:complete`, {
        method: 'POST',
        body: {},
      });
      this.parts.forget(this.name);
      return answer;
    } catch (error) {
      if (this.signal.aborted) throw await this.stopped();
      throw this.errorOf(error);
    }
  }

  // False if even the api can not be reached.
  async giveUp(): Promise<boolean> {
    try {
      await this.calls.call(`/v1/uploads/${encodeURIComponent(this.id)}`, { method: 'DELETE' });
    } catch (error) {
      if (this.parts.refusalOf(error)?.status === 0) return false;
    }
    this.parts.forget(this.name);
    return true;
  }

  end(): void {
    this.busy.delete(this.id);
  }

  // What an earlier attempt, or this page before it was loaded anew, has begun.
  private async again(): Promise<AnnounceAnswer | undefined> {
    const id = this.parts.remembered(this.name);
    if (!id || this.busy.has(id)) return undefined;
    try {
      return await this.calls.call<AnnounceAnswer>(`/v1/uploads/${encodeURIComponent(id)}`);
    } catch (error) {
      if (this.parts.refusalOf(error)?.status !== 404) throw this.errorOf(error);
      this.parts.forget(this.name);
      return undefined;
    }
  }

  private announce(key: string): Promise<AnnounceAnswer> {
    return this.calls.call<AnnounceAnswer>('/v1/uploads', {
      method: 'POST',
      key,
      body: { sizeBytes: String(this.upload.size), filename: this.upload.name },
    });
  }

  private async stopped(): Promise<SendError> {
    if (this.signal.reason !== PAUSED && this.id) await this.giveUp();
    return new SendError('Cancelled.', false);
  }

  private errorOf(error: unknown): unknown {
    const refusal = this.parts.refusalOf(error);
    if (!refusal) return error;
    const again =
      refusal.status === 0 ||
      [408, 425, 429, 502, 503, 504].includes(refusal.status) ||
      // The bytes of the attempt before may still be on their way; or it ended, and is begun anew.
      [
        'IDEMPOTENCY_KEY_IN_FLIGHT',
        'UPLOAD_BUSY',
        'UPLOAD_INCOMPLETE',
        'UPLOAD_NOT_FOUND',
        'UPLOAD_EXPIRED',
        'UPLOAD_ABORTED',
      ].includes(refusal.reason);
    if (!again) this.parts.forget(this.name);
    return new SendError(refusal.message, again, refusal.retryAfterMs);
  }
}

function isOfUse(answer: AnnounceAnswer): boolean {
  const state = answer.upload?.state;
  return (state === 'UPLOAD_OPEN' && !!answer.urls?.tusUrl) || state === 'UPLOAD_COMPLETED';
}

// The server takes no direct uploads, or no more of them just now.
function isForTheGateway(refusal: Refusal): boolean {
  return (
    ['DIRECT_UPLOADS_OFF', 'TOO_MANY_UPLOADS', 'SIGNED_URLS_OFF'].includes(refusal.reason) ||
    [404, 405, 501].includes(refusal.status)
  );
}
