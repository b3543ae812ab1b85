// What is on its way, file by file.
import { useState } from 'preact/hooks';
import { bytes, count, plural } from '../format';
import { openImage } from '../router';
import { DIRECT_FROM_BYTES } from '../upload/direct';
import { progressOf, type Upload } from '../upload/queue';
import { queue, uploads } from '../upload/uploads';
import { CheckIcon, CloseIcon, PauseIcon, ResumeIcon, RetryIcon } from './icons';

const MOST_SHOWN = 60;

const ORDER = { sending: 0, processing: 1, paused: 2, failed: 3, waiting: 4, done: 5, cancelled: 6 };

function wordFor(upload: Upload<File>): string {
  switch (upload.state) {
    case 'waiting':
      return upload.note || 'Waiting';
    case 'sending':
      return upload.sent >= upload.size ? 'Storing' : `${bytes(upload.sent)} of ${bytes(upload.size)}`;
    case 'paused':
      return `Paused at ${bytes(upload.sent)} of ${bytes(upload.size)}`;
    case 'processing':
      return 'Processing';
    case 'done':
      return upload.duplicate ? 'Was here already' : 'Done';
    case 'failed':
      return upload.note || 'Failed';
    case 'cancelled':
      return 'Cancelled';
  }
}

function Row({ upload }: { upload: Upload<File> }) {
  const part = upload.size > 0 ? upload.sent / upload.size : 0;
  const running = upload.state === 'waiting' || upload.state === 'sending';
  const stoppable = running || upload.state === 'paused';
  // Others would begin anew.
  const pausable = running && upload.size >= DIRECT_FROM_BYTES;
  const again = upload.state === 'failed' || upload.state === 'cancelled';
  return (
    <li class={`upload ${upload.state}`}>
      <span class="upload-name">
        {upload.state === 'done' && upload.imageId ? (
          <button type="button" class="link" onClick={() => openImage(upload.imageId)}>
            {upload.name}
          </button>
        ) : (
          upload.name
        )}
      </span>
      <span class="upload-word">{wordFor(upload)}</span>
      {(upload.state === 'sending' || upload.state === 'paused') && (
        <progress max={1} value={part} aria-label={`Upload of ${upload.name}`} />
      )}
      {upload.state === 'processing' && <progress aria-label={`Processing of ${upload.name}`} />}
      {upload.state === 'done' && <CheckIcon />}
      <span class="upload-buttons">
        {pausable && (
          <button
            type="button"
            class="quiet"
            aria-label={`Pause upload of ${upload.name}`}
            onClick={() => queue.pause(upload.id)}
          >
            <PauseIcon />
          </button>
        )}
        {upload.state === 'paused' && (
          <button
            type="button"
            class="quiet"
            aria-label={`Resume upload of ${upload.name}`}
            onClick={() => queue.retry(upload.id)}
          >
            <ResumeIcon />
          </button>
        )}
        {stoppable && (
          <button
            type="button"
            class="quiet"
            aria-label={`Cancel upload of ${upload.name}`}
            onClick={() => queue.cancel(upload.id)}
          >
            <CloseIcon />
          </button>
        )}
      </span>
      {again && (
        <button
          type="button"
          class="quiet"
          aria-label={`Upload ${upload.name} again`}
          onClick={() => queue.retry(upload.id)}
        >
          <RetryIcon />
        </button>
      )}
    </li>
  );
}

export function UploadPanel() {
  const [folded, setFolded] = useState(false);
  const all = uploads.value;
  if (all.length === 0) return null;
  const busy = all.some((upload) => queue.isUnderWay(upload));
  const { sent, size, done } = progressOf(all);
  const failed = all.filter((upload) => upload.state === 'failed').length;
  const words = busy
    ? `Uploading ${plural(all.length - failed, 'file')} · ${size > 0 ? Math.floor((sent / size) * 100) : 0} %`
    : `${plural(done, 'file')} uploaded${failed > 0 ? `, ${failed} failed` : ''}`;
  const shown = [...all].sort((a, b) => ORDER[a.state] - ORDER[b.state] || a.id - b.id).slice(0, MOST_SHOWN);
  return (
    <section class="panel uploads" aria-label="Uploads">
      <header>
        <h2 aria-live="polite">{words}</h2>
        <button type="button" class="link" aria-expanded={!folded} onClick={() => setFolded(!folded)}>
          {folded ? 'Show' : 'Hide'}
        </button>
        {busy ? (
          <button type="button" class="link" onClick={() => queue.cancelAll()}>
            Cancel all
          </button>
        ) : (
          <button type="button" class="quiet" aria-label="Close uploads" onClick={() => queue.clear()}>
            <CloseIcon />
          </button>
        )}
      </header>
      {busy && <progress class="whole" max={1} value={size > 0 ? sent / size : 0} aria-label="All uploads" />}
      {!folded && (
        <ul>
          {shown.map((upload) => (
            <Row key={upload.id} upload={upload} />
          ))}
          {all.length > shown.length && <li class="more">and {count(all.length - shown.length)} more</li>}
        </ul>
      )}
    </section>
  );
}
