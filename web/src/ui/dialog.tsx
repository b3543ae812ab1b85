// A modal dialog of the browser's own: it keeps the focus inside and the page behind it still.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Pressed } from './keys';

export function Dialog({
  label,
  kind,
  onClose,
  onKeyDown,
  children,
}: {
  label: string;
  kind: string;
  onClose: () => void;
  onKeyDown?: (event: Pressed) => void;
  children: ComponentChildren;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  const onKey = (event: Pressed) => {
    // Chrome closes at the second Esc without asking; the first is enough.
    if (event.key === 'Escape') {
      event.preventDefault();
      onClose();
    } else {
      onKeyDown?.(event);
    }
  };
  useEffect(() => {
    // When what had the focus is painted no more, the body has it: keys are the dialog's all the same.
    const onBodyKey = (event: KeyboardEvent) => {
      if (event.target === document.body) onKey(event);
    };
    document.addEventListener('keydown', onBodyKey);
    return () => document.removeEventListener('keydown', onBodyKey);
  });
  return (
    <dialog
      ref={dialog}
      class={kind}
      aria-label={label}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onKeyDown={onKey}
      onClick={(event) => event.target === event.currentTarget && onClose()}
    >
      {children}
    </dialog>
  );
}
