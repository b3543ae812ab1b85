import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, call, messageOf, randomKey } from '../api/http';
import type { Image, Visibility } from '../api/types';

function tagsOf(text: string): string[] {
  return [
    ...new Set(
      text
        .split(',')
        .map((tag) => tag.trim())
        .filter((tag) => tag),
    ),
  ];
}

// `onStale`: somebody else changed the image meanwhile; what they wrote is to be read first.
export function EditForm({
  image,
  onDone,
  onStale,
}: {
  image: Image;
  onDone: (changed: Image | null) => void;
  onStale: () => void;
}) {
  const [title, setTitle] = useState(image.title ?? '');
  const [description, setDescription] = useState(image.description ?? '');
  const [tags, setTags] = useState((image.tags ?? []).join(', '));
  const [visibility, setVisibility] = useState<Visibility>(image.visibility ?? 'PUBLIC');
  const [problem, setProblem] = useState('');
  const [busy, setBusy] = useState(false);
  const first = useRef<HTMLInputElement>(null);
  useEffect(() => first.current?.focus(), []);

  const save = async () => {
    setBusy(true);
    setProblem('');
    const changed: Record<string, unknown> = {};
    const mask: string[] = [];
    const note = (name: string, before: unknown, now: unknown) => {
      if (JSON.stringify(before) === JSON.stringify(now)) return;
      changed[name] = now;
      mask.push(name);
    };
    note('title', image.title ?? '', title.trim());
    note('description', image.description ?? '', description.trim());
    note('tags', image.tags ?? [], tagsOf(tags));
    note('visibility', image.visibility ?? 'PUBLIC', visibility);
    if (mask.length === 0) return onDone(null);
    try {
      // The mask says what is changed, so that a text can be emptied, too.
      const answer = await call<Image>(
        `/v1/images/${encodeURIComponent(image.id)}?update_mask=${mask.join(',')}`,
        {
          method: 'PATCH',
          body: changed,
          headers: { 'If-Match': `"${image.revision ?? '0'}"`, 'Idempotency-Key': randomKey() },
        },
      );
      onDone(answer);
    } catch (error) {
      const stale = error instanceof ApiError && error.status === 412;
      if (stale) onStale();
      setProblem(
        stale
          ? 'Somebody else has changed this image meanwhile. Saving again replaces that.'
          : messageOf(error),
      );
      setBusy(false);
    }
  };

  return (
    <form
      class="edit"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
    >
      <label>
        Title
        <input
          ref={first}
          type="text"
          maxLength={300}
          value={title}
          onInput={(e) => setTitle(e.currentTarget.value)}
          placeholder={image.filename ?? ''}
        />
      </label>
      <label>
        Description
        <textarea
          rows={4}
          maxLength={10_000}
          value={description}
          onInput={(e) => setDescription(e.currentTarget.value)}
        />
      </label>
      <label>
        Tags, separated by commas
        <input type="text" value={tags} onInput={(e) => setTags(e.currentTarget.value)} />
      </label>
      <label>
        Who may see it
        <select value={visibility} onChange={(e) => setVisibility(e.currentTarget.value as Visibility)}>
          <option value="PUBLIC">Everyone</option>
          <option value="UNLISTED">Whoever has the link</option>
          <option value="PRIVATE">Only its owner</option>
        </select>
      </label>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <div class="actions">
        <button type="submit" class="button primary" disabled={busy}>
          Save
        </button>
        <button type="button" class="button" onClick={() => onDone(null)}>
          Cancel
        </button>
      </div>
    </form>
  );
}
