// Short messages at the edge of the page.
import { signal } from '@preact/signals';

export interface Notice {
  id: number;
  text: string;
  bad: boolean;
}

export const notices = signal<Notice[]>([]);
let nextId = 1;
const MOST = 3;

export function notify(text: string, bad = false): void {
  const id = nextId++;
  notices.value = [...notices.value.slice(1 - MOST), { id, text, bad }];
  setTimeout(() => dismiss(id), bad ? 9000 : 4000);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}
