// Three ways in: the picker, dropping and pasting.
import { useEffect, useRef, useState } from 'preact/hooks';
import { mayUpload } from '../api/session';
import { notify } from '../notices';
import { filesOf, takeFiles } from '../upload/uploads';
import { UploadIcon } from './icons';

export function UploadButton() {
  const input = useRef<HTMLInputElement>(null);
  if (!mayUpload()) return null;
  return (
    <>
      <button type="button" class="button primary upload-button" onClick={() => input.current?.click()}>
        <UploadIcon />
        <span>Upload</span>
      </button>
      <input
        ref={input}
        class="unseen"
        type="file"
        multiple
        accept="image/*,.avif,.tif,.tiff"
        aria-label="Choose images to upload"
        tabIndex={-1}
        onChange={(event) => {
          takeFiles(event.currentTarget.files ?? []);
          event.currentTarget.value = '';
        }}
      />
    </>
  );
}

function carriesFiles(transfer: DataTransfer | null): transfer is DataTransfer {
  return transfer !== null && [...transfer.types].includes('Files');
}

export function DropAndPaste() {
  const [over, setOver] = useState(false);
  useEffect(() => {
    // Entering a child comes before leaving its parent.
    let depth = 0;
    const allowed = (transfer: DataTransfer | null): transfer is DataTransfer =>
      carriesFiles(transfer) && mayUpload();
    const enter = (event: DragEvent) => {
      if (!allowed(event.dataTransfer)) return;
      event.preventDefault();
      depth += 1;
      setOver(true);
    };
    const leave = (event: DragEvent) => {
      if (!allowed(event.dataTransfer)) return;
      depth -= 1;
      if (depth <= 0) setOver(false);
    };
    const dragOver = (event: DragEvent) => {
      if (!allowed(event.dataTransfer)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = 'copy';
    };
    const drop = (event: DragEvent) => {
      depth = 0;
      setOver(false);
      if (!allowed(event.dataTransfer)) return;
      event.preventDefault();
      filesOf(event.dataTransfer).then(takeFiles, () => notify('A folder could not be read.', true));
    };
    const paste = (event: ClipboardEvent) => {
      const files = event.clipboardData?.files;
      if (!files || files.length === 0 || !mayUpload()) return;
      event.preventDefault();
      takeFiles(files);
    };
    addEventListener('dragenter', enter);
    addEventListener('dragleave', leave);
    addEventListener('dragover', dragOver);
    addEventListener('drop', drop);
    addEventListener('paste', paste);
    return () => {
      removeEventListener('dragenter', enter);
      removeEventListener('dragleave', leave);
      removeEventListener('dragover', dragOver);
      removeEventListener('drop', drop);
      removeEventListener('paste', paste);
    };
  }, []);
  return (
    <div class="drop" hidden={!over} aria-hidden="true">
      <p>Drop images or folders to upload them</p>
    </div>
  );
}
