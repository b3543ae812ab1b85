// One picture: its ThumbHash until the pixels are there.
import { useEffect, useState } from 'preact/hooks';
import { needsToken, token } from '../api/session';
import type { Image } from '../api/types';
import { hold } from '../grid/private_images';
import { placeholder } from '../grid/placeholders';
import { pathOf, renditionsOf, thumbnailOf } from '../image_facts';

// The address to show `path` from, '' while it is fetched. Public pictures are left to the browser
// and its cache; others, and those it was refused, come with the caller's authorization.
export function useSource(image: Image, path: string): { src: string; failed: () => void; broken: boolean } {
  const [refused, setRefused] = useState('');
  const [blob, setBlob] = useState({ path: '', url: '' });
  const [broken, setBroken] = useState('');
  const who = token.value;
  const secret = needsToken(image.visibility) || (who !== '' && refused === path);
  useEffect(() => {
    setRefused('');
    setBroken('');
  }, [who]);
  useEffect(() => {
    if (!secret || !path) return;
    let gone = false;
    const held = hold(path);
    held.url.then(
      (url) => gone || setBlob({ path, url }),
      () => gone || setBroken(path),
    );
    return () => {
      gone = true;
      held.release();
      setBlob({ path: '', url: '' });
    };
  }, [secret, path, who]);
  return {
    src: secret ? (blob.path === path ? blob.url : '') : path,
    failed: () => (who && !secret ? setRefused(path) : setBroken(path)),
    broken: broken !== '' && broken === path,
  };
}

// `pixels`: how wide it is shown. `hurried`: somebody scrolls past it; not worth asking for yet.
export function Picture({ image, pixels, hurried = false }: { image: Image; pixels: number; hurried?: boolean }) {
  const [begun, setBegun] = useState(false);
  const [loaded, setLoaded] = useState('');
  if (!hurried && !begun) setBegun(true);
  const sharp = thumbnailOf(image, pixels * Math.min(devicePixelRatio, 2));
  const path = pathOf(sharp?.url);
  const { src, failed, broken } = useSource(image, begun ? path : '');
  return (
    <span
      class="picture"
      // What is transparent lets nothing shine through once it is there.
      style={{
        backgroundImage: loaded && loaded === src && image.format !== 'jpeg' ? '' : placeholder(image.thumbHash),
      }}
    >
      {begun && src && !broken && (
        <img
          src={src}
          alt=""
          class={loaded === src ? 'loaded' : ''}
          loading="lazy"
          decoding="async"
          draggable={false}
          ref={(element) => {
            // Out of the cache it is there at once, and need not fade in.
            if (element?.complete && element.naturalWidth > 0 && loaded !== src) {
              element.classList.add('loaded', 'at-once');
            }
          }}
          onLoad={() => setLoaded(src)}
          onError={failed}
        />
      )}
      {(broken || renditionsOf(image).length === 0) && <span class="no-picture">{image.filename}</span>}
    </span>
  );
}
