import { me, signInWanted, token } from '../api/session';
import { setTheme, theme, type Theme } from '../theme';
import { MenuIcon } from './icons';
import { signOut } from './sign_in';

const THEMES: { value: Theme; name: string }[] = [
  { value: 'auto', name: 'System' },
  { value: 'light', name: 'Light' },
  { value: 'dark', name: 'Dark' },
];

function Who() {
  const signedIn = token.value !== '';
  const subject = me.value?.subject ?? '';
  return (
    <section>
      {signedIn && <p class="who">Signed in{subject && ` as ${subject}`}</p>}
      {!signedIn && <p class="who">Not signed in</p>}
      {signedIn ? (
        <button type="button" class="item" popovertarget="menu" onClick={signOut}>
          Sign out
        </button>
      ) : (
        <button
          type="button"
          class="item"
          popovertarget="menu"
          onClick={() => {
            signInWanted.value = { reason: '' };
          }}
        >
          Sign in …
        </button>
      )}
    </section>
  );
}

export function Menu() {
  return (
    <>
      <button type="button" class="quiet menu-button" popovertarget="menu" aria-label="Menu">
        <MenuIcon />
      </button>
      <div id="menu" class="panel menu" popover="auto" role="dialog" aria-label="Menu">
        <Who />
        <section>
          <div class="segments" role="radiogroup" aria-label="Appearance">
            {THEMES.map(({ value, name }) => (
              <label key={value}>
                <input
                  type="radio"
                  name="theme"
                  checked={theme.value === value}
                  onChange={() => setTheme(value)}
                />
                <span>{name}</span>
              </label>
            ))}
          </div>
        </section>
        <section>
          <a class="item" href="/apidocs/">
            API documentation
          </a>
        </section>
        <section class="keys" aria-label="Keyboard">
          <p>
            <kbd>/</kbd> search
          </p>
          <p>
            <kbd>Enter</kbd> open
          </p>
          <p>
            <kbd>Esc</kbd> close
          </p>
          <p class="wide">
            <kbd>←</kbd> <kbd>→</kbd> <kbd>↑</kbd> <kbd>↓</kbd> from image to image
          </p>
        </section>
      </div>
    </>
  );
}
