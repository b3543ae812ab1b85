import { useEffect } from 'preact/hooks';
import { ApiError, messageOf } from '../api/http';
import { signInWanted } from '../api/session';
import { changes, failure, fresh, LOOK_AHEAD, refresh, results, searching } from '../catalogue';
import { plural } from '../format';
import { titleOf } from '../image_facts';
import {
  goHome,
  opened,
  ORDERS,
  query,
  setGroup,
  setOrder,
  setQuery,
  view,
  type Order,
} from '../router';
import { wantsSimilar } from '../search/query';
import { Details } from './details';
import { Filters } from './filters';
import { Grid } from './grid';
import { Menu } from './menu';
import { Notices } from './notices';
import { QueryHelp } from './query_help';
import { SearchBar } from './search_bar';
import { SignIn } from './sign_in';
import { DropAndPaste, UploadButton } from './upload_inputs';
import { UploadPanel } from './upload_panel';

function Header() {
  return (
    <header class="top">
      <a
        class="brand"
        href="/"
        onClick={(event) => {
          if (event.ctrlKey || event.metaKey || event.shiftKey) return;
          event.preventDefault();
          goHome();
          scrollTo({ top: 0 });
        }}
      >
        <svg viewBox="0 0 32 32" aria-hidden="true">
          <path d="M4 6h11v9H4zM17 6h11v9H17zM4 17h14v9H4zM20 17h8v9h-8z" />
        </svg>
        <span>Stockroom</span>
      </a>
      <SearchBar />
      <UploadButton />
      <Menu />
    </header>
  );
}

function Empty() {
  const meant = results.value?.didYouMean ?? '';
  if (query.value) {
    return (
      <div class="empty">
        <h1>Nothing matches</h1>
        {meant ? (
          <p>
            Did you mean{' '}
            <button type="button" class="link meant" onClick={() => setQuery(meant, true)}>
              {meant}
            </button>
            ?
          </p>
        ) : (
          <p>Fewer words or filters find more.</p>
        )}
        <button type="button" class="button" onClick={() => setQuery('', true)}>
          Show everything
        </button>
      </div>
    );
  }
  return (
    <div class="empty">
      <svg viewBox="0 0 96 72" aria-hidden="true">
        <rect x="2" y="2" width="40" height="32" rx="4" />
        <rect x="48" y="2" width="46" height="32" rx="4" />
        <rect x="2" y="40" width="56" height="30" rx="4" />
        <rect x="64" y="40" width="30" height="30" rx="4" />
      </svg>
      <h1>No images yet</h1>
      <p>Drop photographs or whole folders anywhere on this page, paste one, or choose files.</p>
      <UploadButton />
    </div>
  );
}

function Problem({ error }: { error: unknown }) {
  const refused = error instanceof ApiError && error.status === 401;
  return (
    <div class="empty" role="alert">
      <h1>
        {error instanceof ApiError && error.status === 400
          ? 'This search can not be read'
          : refused
            ? 'Please sign in'
            : 'Something went wrong'}
      </h1>
      <p>{messageOf(error)}</p>
      {refused ? (
        <button type="button" class="button primary" onClick={() => (signInWanted.value = { reason: '' })}>
          Sign in …
        </button>
      ) : (
        <button type="button" class="button" onClick={refresh}>
          Try again
        </button>
      )}
    </div>
  );
}

const ORDER_LABELS: Record<Order, string> = {
  '': 'Newest',
  relevance: 'Best match',
  popular: 'Most popular',
  largest: 'Largest',
  similar: 'Most similar',
  random: 'Random',
};

// How many there are, and in which order.
function Bar({ total, isEstimate }: { total: number; isEstimate: boolean }) {
  const { q, order, group } = view.value;
  const choices = ORDERS.filter((one) => one !== 'similar' || order === one || wantsSimilar(q));
  return (
    <div class="bar">
      <p class="count" aria-live="polite">
        {isEstimate && 'About '}
        {plural(total, 'image')}
      </p>
      <button
        type="button"
        class="toggle"
        aria-pressed={group}
        title="Of near duplicates show only the best"
        onClick={() => setGroup(!group)}
      >
        Group similar
      </button>
      <label class="order">
        <span class="unseen">Order</span>
        <select value={order} onChange={(event) => setOrder(event.currentTarget.value as Order)}>
          {choices.map((one) => (
            <option key={one} value={one}>
              {ORDER_LABELS[one]}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

function Results() {
  changes.value;
  const shown = results.value;
  if (failure.value) return <Problem error={failure.value} />;
  if (!shown) return <p class="count">{searching.value ? 'Looking …' : ''}</p>;
  if (shown.total === 0) return <Empty />;
  return (
    <>
      <Bar total={shown.total} isEstimate={shown.isEstimate} />
      <Grid results={shown} />
      {shown.error !== null && (
        <p class="problem floating" role="alert">
          {messageOf(shown.error)}{' '}
          <button type="button" class="link" onClick={() => shown.tryAgain()}>
            Try again
          </button>
        </p>
      )}
    </>
  );
}

function Pill() {
  const n = fresh.value;
  return (
    <div class="pill-place" aria-live="polite">
      {n > 0 && (
        <button
          type="button"
          class="pill"
          onClick={() => {
            scrollTo({ top: 0 });
            refresh();
          }}
        >
          {n >= LOOK_AHEAD ? `More than ${LOOK_AHEAD - 1} new images` : plural(n, 'new image')}
        </button>
      )}
    </div>
  );
}

export function App() {
  const id = opened.value;
  const image = results.value?.at(results.value.indexOf(id));
  const title = image ? titleOf(image) : query.value;
  useEffect(() => {
    document.title = title ? `${title} · Stockroom` : 'Stockroom';
  }, [title]);
  // Another query begins at its top.
  useEffect(() => {
    scrollTo({ top: 0 });
  }, [view.value]);
  return (
    <>
      <a class="skip" href="#grid">
        Skip to the images
      </a>
      <Header />
      <Filters />
      <QueryHelp />
      <main>
        <Results />
      </main>
      <Pill />
      <UploadPanel />
      {id && <Details id={id} />}
      {signInWanted.value && <SignIn reason={signInWanted.value.reason} />}
      {!id && <Notices />}
      <DropAndPaste />
    </>
  );
}
