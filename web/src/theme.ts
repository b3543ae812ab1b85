// Dark or light: as the system says, unless somebody chose.
import { signal } from '@preact/signals';

export type Theme = 'auto' | 'light' | 'dark';
const KEY = 'stockroom.theme';

function read(): Theme {
  try {
    const value = localStorage.getItem(KEY);
    return value === 'light' || value === 'dark' ? value : 'auto';
  } catch {
    return 'auto';
  }
}

export const theme = signal<Theme>('auto');

export function setTheme(value: Theme): void {
  theme.value = value;
  document.documentElement.dataset['theme'] = value;
  try {
    if (value === 'auto') localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, value);
  } catch {
    // Chosen until the page is left.
  }
}

setTheme(read());
