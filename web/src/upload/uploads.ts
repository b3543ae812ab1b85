// Uploads of this page: the queue over XMLHttpRequest, which tells how far a body was sent, and of
// large files over tus, straight to the file server.
import { signal } from '@preact/signals';
import { ApiError, call, noteUnauthenticated, problemOf, randomKey } from '../api/http';
import { authorization, token } from '../api/session';
import type { Image, UploadAnswer } from '../api/types';
import { notify } from '../notices';
import { DirectUploads, type DirectCalls, type Refusal } from './direct';
import { SendError, UploadQueue, type Sent, type Upload, type UploadTransport } from './queue';
import { sendByTus } from './tus';
import * as unfinished from './unfinished';

export const uploads = signal<Upload<File>[]>([]);
// Images that came from this page.
export const ownImages = new Set<string>();

const LOOK_EVERY_MS = 2500;
const LOOK_AT_MOST = 4;

function failureOf(state: string, reason: string | undefined): string {
  if (state === 'FAILED') return reason || 'It could not be processed.';
  if (state === 'FLAGGED') return 'It is hidden until a moderator has looked at it.';
  return state === 'REJECTED' ? `It was rejected: ${reason || 'no reason was given'}` : '';
}

function resultOf(answer: UploadAnswer): Sent {
  const image = answer.image;
  const state = image?.state ?? '';
  return {
    imageId: image?.id ?? '',
    duplicate: answer.deduplicated === true,
    processing: state === 'PENDING' || state === 'PROCESSING' || state === 'UPLOADING',
    failure: failureOf(state, image?.failureReason),
  };
}

// Where the page may send bytes besides its own server; asked for once.
let origins: Promise<readonly string[]> | undefined;
function uploadOrigins(): Promise<readonly string[]> {
  origins ??= call<{ uploadOrigins?: string[] }>('/page.json').then(
    (settings) => settings.uploadOrigins ?? [],
    () => {
      origins = undefined;
      return [];
    },
  );
  return origins;
}

// In the name of who is signed in now, also when somebody else is by then.
function callsOfToday(): DirectCalls {
  const asked = token.peek();
  return {
    call: (path, { method = 'GET', body, key } = {}) =>
      call(path, { method, body, token: asked, headers: key ? { 'Idempotency-Key': key } : {} }),
  };
}

function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof ApiError)) return undefined;
  const { status, reason, message, retryAfterMs } = error;
  return { status, reason, message, retryAfterMs };
}

class PageTransport implements UploadTransport<File> {
  private readonly direct = new DirectUploads<File>({
    origins: uploadOrigins,
    calls: callsOfToday,
    refusalOf,
    transfer: sendByTus,
    ...unfinished,
    newKey: randomKey,
    now: () => performance.now(),
  });

  async send(upload: Upload<File>, onProgress: (sent: number) => void, signal: AbortSignal): Promise<Sent> {
    const answer = await this.direct.send(upload, onProgress, signal);
    if (signal.aborted) throw new SendError('Cancelled.', false);
    if (!answer) return this.throughTheGateway(upload, onProgress, signal);
    const sent = resultOf(answer);
    if (sent.imageId) ownImages.add(sent.imageId);
    return sent;
  }

  private throughTheGateway(upload: Upload<File>, onProgress: (sent: number) => void, signal: AbortSignal): Promise<Sent> {
    return new Promise((resolve, reject) => {
      const asked = token.peek();
      const request = new XMLHttpRequest();
      request.open('POST', `/v1/images?filename=${encodeURIComponent(upload.name)}`);
      const type = upload.file.type;
      // Of these types the server would expect something else in the body.
      const plain = type && !/^(multipart\/|application\/json)/i.test(type);
      request.setRequestHeader('Content-Type', plain ? type : 'application/octet-stream');
      request.setRequestHeader('Idempotency-Key', upload.key);
      for (const [name, value] of Object.entries(authorization())) request.setRequestHeader(name, value);
      request.upload.onprogress = (event) => onProgress(event.loaded);
      request.onerror = () => reject(new SendError('The connection broke; trying again.', true));
      // The only event that follows an abort().
      request.onabort = () => reject(new SendError('Cancelled.', false));
      request.onload = () => {
        if (request.status < 200 || request.status > 299) return reject(this.errorOf(request, asked));
        try {
          const sent = resultOf(JSON.parse(request.responseText) as UploadAnswer);
          if (sent.imageId) ownImages.add(sent.imageId);
          resolve(sent);
        } catch {
          reject(new SendError('The answer is not what Stockroom sends.', false));
        }
      };
      signal.addEventListener('abort', () => request.abort());
      request.send(upload.file);
    });
  }

  private errorOf(request: XMLHttpRequest, asked: string): SendError {
    const error = problemOf(request.status, request.responseText, request.getResponseHeader('Retry-After'));
    noteUnauthenticated(error, asked);
    const busy = [408, 425, 429, 502, 503, 504].includes(error.status);
    const inFlight = error.reason === 'IDEMPOTENCY_KEY_IN_FLIGHT';
    return new SendError(error.message, busy || inFlight, error.retryAfterMs, error.status === 408);
  }

  discard(upload: Upload<File>): void {
    void this.direct.discard(upload.file);
  }

  newKey(): string {
    return randomKey();
  }

  later(ms: number, run: () => void): void {
    setTimeout(run, ms);
  }
}

let painting = false;
let lookTimer = 0;
let lookedAt = 0; // the last upload that was asked about

// Progress comes often; the page is painted once a frame.
function onChange(): void {
  if (!lookTimer && queue.uploads.some((upload) => upload.state === 'processing')) {
    lookTimer = window.setTimeout(() => void look(), LOOK_EVERY_MS);
  }
  if (painting) return;
  painting = true;
  requestAnimationFrame(() => {
    painting = false;
    uploads.value = queue.uploads.slice();
  });
}

export const queue = new UploadQueue<File>(new PageTransport(), () => onChange());

export function findUpload(imageId: string): Upload<File> | undefined {
  return queue.uploads.find((upload) => upload.state === 'processing' && upload.imageId === imageId);
}

// How processing ended, from the record itself.
export async function noteProcessed(imageId: string): Promise<void> {
  try {
    const image = await call<Image>(`/v1/images/${encodeURIComponent(imageId)}`);
    const sent = resultOf({ image });
    if (!sent.processing) queue.processed(imageId, sent.failure);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) queue.processed(imageId, 'It was deleted.');
    // Whatever else it was: asked again soon.
  }
}

// Events tell sooner; this is for what happened before they were listened to. In turns, so that
// what takes long does not hide what is behind it.
async function look(): Promise<void> {
  const waiting = queue.uploads.filter((upload) => upload.state === 'processing');
  const behind = waiting.filter((upload) => upload.id > lookedAt);
  const turn = [...new Set([...behind, ...waiting])].slice(0, LOOK_AT_MOST);
  lookedAt = turn.at(-1)?.id ?? 0;
  await Promise.all(turn.map((upload) => noteProcessed(upload.imageId)));
  lookTimer = 0;
  onChange();
}

const IMAGE_NAME = /\.(jpe?g|png|webp|gif|tiff?|avif|heic|heif|jxl|bmp)$/i;

export function takeFiles(files: Iterable<File>): void {
  const all = [...files];
  const images = all.filter((file) => file.type.startsWith('image/') || IMAGE_NAME.test(file.name));
  if (images.length < all.length) {
    const left = all.length - images.length;
    notify(
      `${left === 1 ? 'One file is no image and was' : `${left} files are no images and were`} left out.`,
    );
  }
  const taken = queue.add(images.map((file) => ({ file, name: file.name || 'pasted.png', size: file.size })));
  if (taken < images.length) notify(`Only ${taken} files at once; drop the others later.`, true);
}

// What was dropped, with everything inside of folders.
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry?.())
    .filter((entry): entry is FileSystemEntry => entry != null);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files: File[] = [];
  while (entries.length > 0 && files.length < 5000) {
    const entry = entries.shift();
    if (entry?.isFile) files.push(await fileOf(entry as FileSystemFileEntry));
    else if (entry) entries.push(...(await entriesOf(entry as FileSystemDirectoryEntry)));
  }
  return files;
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all;
    all.push(...some);
  }
}
