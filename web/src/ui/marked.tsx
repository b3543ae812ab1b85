import type { Highlight } from '../api/types';
import { partsOfWhole } from '../search/marks';

// A text with what matches in it.
export function Marked({ text, highlight }: { text: string; highlight: Highlight | undefined }) {
  return (
    <>
      {partsOfWhole(text, highlight).map((part, i) => (part.match ? <mark key={i}>{part.text}</mark> : part.text))}
    </>
  );
}
