// Links to pictures, which also work for those that only somebody signed in may have.
import type { ComponentChildren } from 'preact';
import { ApiError, messageOf } from '../api/http';
import { authorization, needsToken } from '../api/session';
import type { Image } from '../api/types';
import { notify } from '../notices';

async function download(path: string, name: string): Promise<void> {
  const response = await fetch(path, { headers: authorization(), credentials: 'omit' });
  if (!response.ok) throw new ApiError(response.status, `${name} can not be had (${response.status}).`);
  const url = URL.createObjectURL(await response.blob());
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// `open`: in a tab of its own, if the browser can ask for it by itself; else it is saved, too.
export function PictureLink({
  image,
  path,
  name,
  open = false,
  class: style,
  children,
}: {
  image: Image;
  path: string;
  name: string;
  open?: boolean;
  class?: string;
  children: ComponentChildren;
}) {
  return (
    <a
      class={style}
      href={path}
      {...(open ? { target: '_blank', rel: 'noreferrer' } : { download: name })}
      onClick={(event) => {
        if (!needsToken(image.visibility)) return;
        event.preventDefault();
        download(path, name).catch((error: unknown) => notify(messageOf(error), true));
      }}
    >
      {children}
    </a>
  );
}
