// Who is signed in. The secret stays in this tab: it is gone when the tab is closed.
import { signal } from '@preact/signals';
import type { Visibility, WhoAmI } from './types';

const KEY = 'stockroom.token';

export const token = signal<string>(read());
// Null: the server did not say (an older one, or it could not be reached).
export const me = signal<WhoAmI | null>(null);
// Where strangers may not look, public pictures, too, are had with a token only.
export const strangersMayLook = signal(true);
export const signInWanted = signal<{ reason: string } | null>(null);

function read(): string {
  try {
    return sessionStorage.getItem(KEY) ?? '';
  } catch {
    return ''; // storage is blocked: signed in until the page is left
  }
}

export function setToken(value: string): void {
  token.value = value;
  try {
    if (value) sessionStorage.setItem(KEY, value);
    else sessionStorage.removeItem(KEY);
  } catch {
    // As above.
  }
}

export function authorization(of = token.value): Record<string, string> {
  return of ? { Authorization: `Bearer ${of}` } : {};
}

// What a bare link or <img>, which send no header fields, would be refused.
export function needsToken(visibility: Visibility | undefined): boolean {
  return token.value !== '' && (visibility === 'PRIVATE' || !strangersMayLook.value);
}

export function mayUpload(): boolean {
  return me.value?.scopes ? me.value.scopes.includes('images:write') : true;
}

// What the server would allow, as far as it can be known; the server decides.
export function mayChange(owner: string): boolean {
  const who = me.value;
  if (!who?.scopes) return true;
  return (
    who.scopes.includes('images:write') &&
    (owner === (who.subject ?? '') || who.scopes.includes('images:moderate'))
  );
}
