// One image, large, with everything that is known about it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, call, isAbort, messageOf, randomKey } from '../api/http';
import { mayChange, token } from '../api/session';
import type { Image } from '../api/types';
import { changes, refresh, results, touched } from '../catalogue';
import { originalShown, pathOf, renditionsOf, thumbnailOf, titleOf } from '../image_facts';
import { notify } from '../notices';
import { closeImage, openImage, opened } from '../router';
import { placeholder } from '../grid/placeholders';
import { Dialog } from './dialog';
import { DetailsPanel } from './details_panel';
import { PictureLink } from './download';
import { EditForm } from './edit_form';
import { CloseIcon, DownloadIcon, EditIcon, LeftIcon, RightIcon, TrashIcon } from './icons';
import { isTyping, withModifier, type Pressed } from './keys';
import { Notices } from './notices';
import { useSource } from './picture';

function Layer({ image, path, onFailed }: { image: Image; path: string; onFailed?: () => void }) {
  const { src, failed, broken } = useSource(image, path);
  const [loaded, setLoaded] = useState('');
  useEffect(() => {
    if (broken) onFailed?.();
  }, [broken]);
  if (!src || broken) return null;
  return (
    <img
      src={src}
      alt=""
      class={loaded === src ? 'loaded' : ''}
      onLoad={() => setLoaded(src)}
      onError={failed}
      draggable={false}
    />
  );
}

// The largest rendition at once, and the original over it where that is sharper and not heavy.
function Stage({ image }: { image: Image }) {
  const frame = useRef<HTMLDivElement>(null);
  const [sharper, setSharper] = useState(false);
  const rendition = thumbnailOf(image, Infinity);
  useEffect(() => {
    const shown = (frame.current?.clientWidth ?? 0) * devicePixelRatio;
    const data = (navigator as { connection?: { saveData?: boolean } }).connection;
    setSharper(originalShown(image) && shown > (rendition?.width ?? 0) * 1.15 && data?.saveData !== true);
  }, [image.id, rendition?.url]);
  const width = image.width || rendition?.width || 1;
  const height = image.height || rendition?.height || 1;
  return (
    <div class="stage">
      <div
        ref={frame}
        class={`frame${image.format === 'jpeg' ? '' : ' may-be-transparent'}`}
        role="img"
        aria-label={titleOf(image)}
        style={{
          '--width': `${width}px`,
          '--ratio': String(width / height),
          backgroundImage: placeholder(image.thumbHash),
        }}
      >
        <Layer key={image.id} image={image} path={pathOf(rendition?.url)} />
        {sharper && <Layer key={`${image.id}-original`} image={image} path={pathOf(image.originalUrl)} />}
      </div>
    </div>
  );
}

function useImage(id: string): {
  image: Image | null;
  error: string;
  reload: () => void;
  set: (image: Image) => void;
} {
  const inResults = results.value?.at(results.value.indexOf(id)) ?? null;
  const [whole, setWhole] = useState<Image | null>(null);
  const [error, setError] = useState('');
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const abort = new AbortController();
    setError('');
    call<Image>(`/v1/images/${encodeURIComponent(id)}`, { signal: abort.signal })
      .then(setWhole)
      .catch((reason: unknown) => isAbort(reason) || setError(messageOf(reason)));
    return () => abort.abort();
  }, [id, turn, token.value]);
  const event = touched.value;
  useEffect(() => {
    if (event?.imageId !== id) return;
    if (event.type === 'image.deleted') setError('This image has been deleted.');
    else setTurn((n) => n + 1);
  }, [event]);
  return {
    // What the grid knows is shown until everything is there.
    image: whole?.id === id ? whole : inResults,
    error,
    reload: () => setTurn((n) => n + 1),
    set: setWhole,
  };
}

function DownloadButton({ image }: { image: Image }) {
  const path = pathOf(image.originalUrl);
  if (!path) return null;
  return (
    <PictureLink image={image} path={path} name={image.filename || image.id} class="button">
      <DownloadIcon />
      Original
    </PictureLink>
  );
}

function DeleteButton({ image }: { image: Image }) {
  const [asking, setAsking] = useState(false);
  const [busy, setBusy] = useState(false);
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => setAsking(false), [image.id]);
  useEffect(() => {
    if (asking) keep.current?.focus();
  }, [asking]);
  const remove = async () => {
    setBusy(true);
    try {
      await call(`/v1/images/${encodeURIComponent(image.id)}`, {
        method: 'DELETE',
        headers: { 'If-Match': `"${image.revision ?? '0'}"`, 'Idempotency-Key': randomKey() },
      });
      const shown = results.peek();
      const index = shown?.indexOf(image.id) ?? -1;
      shown?.remove(image.id);
      const next = shown?.at(index) ?? shown?.at(index - 1);
      notify('Deleted.');
      if (next && index >= 0) openImage(next.id);
      else closeImage();
    } catch (error) {
      notify(messageOf(error), true);
      if (error instanceof ApiError && error.status === 404) refresh();
    } finally {
      setBusy(false);
    }
  };
  if (!asking) {
    return (
      <button type="button" class="button" onClick={() => setAsking(true)}>
        <TrashIcon />
        Delete
      </button>
    );
  }
  return (
    <span class="confirm" role="alertdialog" aria-label="Delete this image for ever?">
      <button type="button" class="button danger" disabled={busy} onClick={() => void remove()}>
        Delete for ever
      </button>
      <button type="button" class="button" ref={keep} onClick={() => setAsking(false)}>
        Keep
      </button>
    </span>
  );
}

export function Details({ id }: { id: string }) {
  const { image, error, reload, set } = useImage(id);
  const [editing, setEditing] = useState(false);
  useEffect(() => setEditing(false), [id]);
  // Its neighbours may have arrived.
  changes.value;
  const shown = results.value;
  const index = shown?.indexOf(id) ?? -1;
  const before = index > 0 ? shown?.at(index - 1) : undefined;
  const after = index >= 0 ? shown?.at(index + 1) : undefined;
  useEffect(() => {
    // The grid behind stands still; see to it that there is a next one.
    if (index >= 0) shown?.want(Math.max(0, index - 2), index + 20);
  }, [index]);
  // From the address, not from what is painted: keys may come faster than that.
  const missed = useRef(0);
  const step = (by: number) => {
    const at = results.peek()?.indexOf(opened.peek()) ?? -1;
    // The list is being fetched anew: go on when it is here.
    missed.current = at < 0 ? by : 0;
    const to = at < 0 ? undefined : results.peek()?.at(at + by);
    if (to) openImage(to.id);
  };
  useEffect(() => {
    if (index >= 0 && missed.current !== 0) step(missed.current);
  }, [index]);
  const onKeyDown = (event: Pressed) => {
    if (isTyping(event) || withModifier(event)) return;
    if (event.key === 'ArrowLeft') step(-1);
    else if (event.key === 'ArrowRight') step(1);
  };
  const changeable = image && mayChange(image.owner ?? '');
  return (
    <Dialog
      label={image ? titleOf(image) : 'Image'}
      kind="details"
      onClose={() => (editing ? setEditing(false) : closeImage())}
      onKeyDown={onKeyDown}
    >
      <div class="viewer" style={{ '--ratio': String((image?.width || 3) / (image?.height || 2)) }}>
        {image && <Stage image={image} />}
        {before && (
          <button type="button" class="step back" aria-label="Previous image" onClick={() => step(-1)}>
            <LeftIcon />
          </button>
        )}
        {after && (
          <button type="button" class="step on" aria-label="Next image" onClick={() => step(1)}>
            <RightIcon />
          </button>
        )}
      </div>
      <aside class="about">
        <header>
          <h1>{image ? titleOf(image) : error ? 'Not to be found' : 'Loading …'}</h1>
          <button type="button" class="quiet close" aria-label="Close" onClick={closeImage}>
            <CloseIcon />
          </button>
        </header>
        {error && (
          <p class="problem" role="alert">
            {error}{' '}
            <button type="button" class="link" onClick={reload}>
              Try again
            </button>
          </p>
        )}
        {image && editing && (
          <EditForm
            image={image}
            onDone={(changed) => {
              if (changed) {
                set(changed);
                const { analysis: _, ...basic } = changed;
                results.peek()?.replace(basic);
              }
              setEditing(false);
            }}
            onStale={reload}
          />
        )}
        {image && !editing && (
          <>
            <div class="actions">
              <DownloadButton image={image} />
              {changeable && (
                <button type="button" class="button" onClick={() => setEditing(true)}>
                  <EditIcon />
                  Edit
                </button>
              )}
              {changeable && <DeleteButton image={image} />}
            </div>
            <DetailsPanel image={image} renditions={renditionsOf(image)} />
          </>
        )}
      </aside>
      <Notices />
    </Dialog>
  );
}
