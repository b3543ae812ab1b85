import { useState } from 'preact/hooks';
import { forgetAll } from '../grid/private_images';
import { setToken, signInWanted, token } from '../api/session';
import * as unfinished from '../upload/unfinished';
import { queue } from '../upload/uploads';
import { Dialog } from './dialog';

// Nothing of one person is shown or sent as the next.
function leave(): void {
  queue.forgetAll();
  unfinished.forgetAll();
  forgetAll();
}

export function signOut(): void {
  leave();
  setToken('');
}

// Files that were chosen before anybody signed in are of whoever does.
function signInWith(secret: string): void {
  const before = token.peek();
  if (before && before !== secret) leave();
  // The same one again is worth a try, too.
  if (before === secret) setToken('');
  setToken(secret);
}

export function SignIn({ reason }: { reason: string }) {
  const [value, setValue] = useState('');
  const [problem, setProblem] = useState(reason);
  const close = () => {
    signInWanted.value = null;
  };
  return (
    <Dialog label="Sign in" kind="panel sign-in" onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const secret = value.trim();
          if (!secret) return;
          if (/[^\x21-\x7e]/.test(secret))
            return setProblem('Keys and tokens have neither spaces nor special characters.');
          signInWanted.value = null;
          signInWith(secret);
        }}
      >
        <h1>Sign in</h1>
        {problem && <p role="status">{problem}</p>}
        <label>
          API key or token
          <input
            type="password"
            autocomplete="off"
            spellcheck={false}
            placeholder="sr_…"
            value={value}
            onInput={(event) => setValue(event.currentTarget.value)}
          />
        </label>
        <p class="hint">It stays in this tab and is forgotten when the tab is closed.</p>
        <div class="actions">
          <button type="submit" class="button primary">
            Sign in
          </button>
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
