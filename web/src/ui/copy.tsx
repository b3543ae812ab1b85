import { useState } from 'preact/hooks';
import { notify } from '../notices';
import { CheckIcon, CopyIcon } from './icons';

// navigator.clipboard exists on https and localhost only.
async function copyText(text: string, near: HTMLElement): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement('textarea');
  field.value = text;
  // Inside the open dialog: nothing outside of it can have the focus.
  near.append(field);
  field.select();
  const copied = document.execCommand('copy');
  field.remove();
  near.focus();
  if (!copied) throw new Error('The browser did not allow copying.');
}

export function CopyButton({ text, label }: { text: string; label: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <button
      type="button"
      class="quiet"
      aria-label={copied ? 'Copied' : label}
      title={label}
      onClick={(event) => {
        copyText(text, event.currentTarget).then(
          () => {
            setCopied(true);
            setTimeout(() => setCopied(false), 1500);
          },
          () => notify('The browser did not allow copying.', true),
        );
      }}
    >
      {copied ? <CheckIcon /> : <CopyIcon />}
    </button>
  );
}
