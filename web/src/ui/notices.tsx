import { dismiss, notices } from '../notices';
import { CloseIcon } from './icons';

// Stands inside of an open dialog: nothing outside of it can be seen.
export function Notices() {
  return (
    <div class="notices" role="status">
      {notices.value.map((notice) => (
        <p key={notice.id} class={notice.bad ? 'notice bad' : 'notice'}>
          {notice.text}
          <button type="button" class="quiet" aria-label="Dismiss" onClick={() => dismiss(notice.id)}>
            <CloseIcon />
          </button>
        </p>
      ))}
    </div>
  );
}
