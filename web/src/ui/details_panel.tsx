// The facts beside a picture.
import { useEffect, useState } from 'preact/hooks';
import { call } from '../api/http';
import { token } from '../api/session';
import { results } from '../catalogue';
import type { Image, Rendition } from '../api/types';
import { bytes } from '../format';
import {
  altOf,
  fileFacts,
  otherAnalysis,
  paletteOf,
  pathOf,
  photographFacts,
  titleOf,
  type Fact,
} from '../image_facts';
import { addressOf, openImage, ownAddressOf, setQuery, showView, similarTo } from '../router';
import { highlightOf } from '../search/marks';
import { formatChip } from '../search/query';
import { CopyButton } from './copy';
import { PictureLink } from './download';
import { Marked } from './marked';
import { Picture } from './picture';

function Facts({ name, facts }: { name: string; facts: Fact[] }) {
  if (facts.length === 0) return null;
  return (
    <section>
      <h2>{name}</h2>
      <dl>
        {facts.map((fact) => (
          <div key={fact.name}>
            <dt>{fact.name}</dt>
            <dd>{fact.value}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}

function Palette({ image }: { image: Image }) {
  const colors = paletteOf(image);
  if (colors.length === 0) return null;
  return (
    <section>
      <h2>Palette</h2>
      <ul class="palette">
        {colors.map(({ hex, weight }) => (
          <li key={hex} style={{ flexGrow: String(Math.max(0.08, weight)) }}>
            <span class="swatch" style={{ backgroundColor: hex }} />
            <span class="swatch-name">{hex}</span>
            <span class="swatch-copy">
              <CopyButton text={hex} label={`Copy colour ${hex}`} />
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

function RenditionRow({
  image,
  name,
  size,
  format,
  url,
  weight,
}: {
  image: Image;
  name: string;
  size: string;
  format: string;
  url: string;
  weight: string;
}) {
  return (
    <tr>
      <th scope="row">
        <PictureLink image={image} path={url} name={`${image.id}-${url.split('/').at(-1)}`} open>
          {name}
        </PictureLink>
      </th>
      <td>{size}</td>
      <td>{format}</td>
      <td>{weight}</td>
      <td>
        <CopyButton text={location.origin + url} label={`Copy address of ${name}`} />
      </td>
    </tr>
  );
}

function Renditions({ image, renditions }: { image: Image; renditions: Rendition[] }) {
  const original = pathOf(image.originalUrl);
  if (renditions.length === 0 && !original) return null;
  return (
    <section>
      <h2>Renditions</h2>
      <table>
        <thead class="unseen">
          <tr>
            <th>Name</th>
            <th>Pixels</th>
            <th>Format</th>
            <th>Size</th>
            <th>Address</th>
          </tr>
        </thead>
        <tbody>
          {renditions.map((rendition) => (
            <RenditionRow
              key={rendition.url}
              image={image}
              name={rendition.preset ?? ''}
              size={`${rendition.width} × ${rendition.height}`}
              format={rendition.format ?? ''}
              weight={bytes(Number(rendition.sizeBytes ?? NaN))}
              url={pathOf(rendition.url)}
            />
          ))}
          {original && (
            <RenditionRow
              image={image}
              name="original"
              size={image.width ? `${image.width} × ${image.height}` : ''}
              format={image.format ?? ''}
              weight={bytes(Number(image.sizeBytes ?? NaN))}
              url={original}
            />
          )}
        </tbody>
      </table>
    </section>
  );
}

// Left out where the server has no such thing or the image is not ready for it.
function Similar({ image }: { image: Image }) {
  const [similar, setSimilar] = useState<Image[]>([]);
  useEffect(() => {
    const abort = new AbortController();
    setSimilar([]);
    call<{ matches?: { image?: Image; distance?: number }[] }>(
      `/v1/images/${encodeURIComponent(image.id)}/similar?page_size=12`,
      { signal: abort.signal },
    )
      .then((answer) =>
        setSimilar((answer.matches ?? []).flatMap((match) => (match.image ? [match.image] : []))),
      )
      .catch(() => setSimilar([]));
    return () => abort.abort();
  }, [image.id, token.value]);
  if (similar.length === 0) return null;
  return (
    <section>
      <h2>Similar</h2>
      <ul class="similar">
        {similar.map((one) => (
          <li key={one.id}>
            <a
              href={addressOf(one.id)}
              aria-label={altOf(one)}
              onClick={(event) => {
                if (event.ctrlKey || event.metaKey || event.shiftKey) return;
                event.preventDefault();
                openImage(one.id);
              }}
            >
              <Picture image={one} pixels={110} />
            </a>
          </li>
        ))}
      </ul>
      <a
        class="link"
        href={addressOf('', similarTo(image.id))}
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          showView(similarTo(image.id));
        }}
      >
        All near duplicates
      </a>
    </section>
  );
}

export function DetailsPanel({ image, renditions }: { image: Image; renditions: Rendition[] }) {
  const page = location.origin + ownAddressOf(image.id);
  const shown = results.value;
  const highlights = shown?.at(shown.indexOf(image.id))?.hit?.highlights ?? [];
  return (
    <>
      {image.failureReason && (
        <p class="problem" role="status">
          {image.failureReason}
        </p>
      )}
      {image.description && (
        <p class="description">
          <Marked text={image.description} highlight={highlightOf(highlights, 'description')} />
        </p>
      )}
      {(image.tags ?? []).length > 0 && (
        <ul class="tags" aria-label="Tags">
          {(image.tags ?? []).map((tag) => (
            <li key={tag}>
              <button type="button" onClick={() => setQuery(formatChip({ key: 'tags', value: tag }), true)}>
                <Marked text={tag} highlight={highlightOf(highlights, 'tags', tag)} />
              </button>
            </li>
          ))}
        </ul>
      )}
      <Facts name="Photograph" facts={photographFacts(image)} />
      <Palette image={image} />
      <Facts name="File" facts={fileFacts(image)} />
      <Renditions image={image} renditions={renditions} />
      <Similar image={image} />
      {otherAnalysis(image).map(({ name, json }) => (
        <details key={name} class="raw">
          <summary>{name}</summary>
          <pre>{json}</pre>
        </details>
      ))}
      <p class="address">
        <span>{page}</span>
        <CopyButton text={page} label={`Copy address of ${titleOf(image)}`} />
      </p>
    </>
  );
}
