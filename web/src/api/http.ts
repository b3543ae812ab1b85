// Calls of the REST gateway.
import { authorization, signInWanted, token } from './session';

// An answer that is no success, with the words of its problem+json.
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly reason = '',
    // When to come back; 0 if the server did not say.
    readonly retryAfterMs = 0,
    // Facts about this case, for programs.
    readonly metadata: Record<string, string> = {},
  ) {
    super(message);
  }
}

interface Problem {
  detail?: unknown;
  title?: unknown;
  reason?: unknown;
  retry_after_ms?: unknown;
  metadata?: unknown;
}

function textsOf(metadata: unknown): Record<string, string> {
  if (typeof metadata !== 'object' || metadata === null) return {};
  return Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key, String(value)]));
}

export function problemOf(status: number, body: string, retryAfter: string | null): ApiError {
  let problem: Problem = {};
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed === 'object' && parsed !== null) problem = parsed;
  } catch {
    // Something between the server and here answered; its status must do.
  }
  const text = [problem.detail, problem.title].find((t) => typeof t === 'string' && t !== '');
  const seconds = Number(retryAfter ?? 'none');
  let wait = Number.isFinite(seconds) && seconds > 0 ? seconds * 1000 : 0;
  if (typeof problem.retry_after_ms === 'number') wait = Math.max(wait, problem.retry_after_ms);
  return new ApiError(
    status,
    typeof text === 'string' ? text : `The server answered ${status}.`,
    typeof problem.reason === 'string' ? problem.reason : '',
    wait,
    textsOf(problem.metadata),
  );
}

// Asks for signing in when an answer to whoever had `asked`, a token, says so.
export function noteUnauthenticated(error: ApiError, asked: string): void {
  if (error.status !== 401 || asked !== token.peek()) return;
  signInWanted.value = {
    reason: token.value ? 'The key or token was not accepted.' : 'This Stockroom wants to know who you are.',
  };
}

export async function call<T>(
  path: string,
  init: {
    method?: string;
    body?: unknown;
    headers?: Record<string, string>;
    signal?: AbortSignal;
    // Of whom this is asked for, if that is not who is signed in now.
    token?: string;
  } = {},
): Promise<T> {
  const asked = init.token ?? token.peek();
  let response: Response;
  try {
    response = await fetch(path, {
      method: init.method ?? 'GET',
      headers: {
        ...authorization(asked),
        ...(init.body === undefined ? {} : { 'Content-Type': 'application/json' }),
        ...init.headers,
      },
      ...(init.body === undefined ? {} : { body: JSON.stringify(init.body) }),
      ...(init.signal ? { signal: init.signal } : {}),
      credentials: 'omit',
    });
  } catch (error) {
    if (init.signal?.aborted) throw error;
    throw new ApiError(0, 'The server can not be reached.');
  }
  const text = await response.text();
  if (!response.ok) {
    const error = problemOf(response.status, text, response.headers.get('Retry-After'));
    noteUnauthenticated(error, asked);
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch {
    throw new ApiError(response.status, 'The answer is not what Stockroom sends.');
  }
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'AbortError';
}

// A route that this server does not have (yet).
export function isMissing(error: unknown): boolean {
  return error instanceof ApiError && [404, 405, 501].includes(error.status);
}

// What may be better in a while without anybody doing anything.
export function isPassing(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || error.status === 429 || error.status >= 500);
}

// When to ask again: not before the server wants it.
export function comeBackAfter(error: unknown, otherwiseMs: number): number {
  return (error instanceof ApiError && error.retryAfterMs) || otherwiseMs;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

// For Idempotency-Key. crypto.randomUUID exists on https and localhost only.
export function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}
