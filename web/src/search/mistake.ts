// Where a query can not be read, as the server says it: a position in bytes from 1. Pure.

export interface Mistake {
  before: string;
  at: string;
  after: string;
  message: string;
  // The query with what the server suggests in that place; '' if it suggests nothing.
  better: string;
}

export interface Complaint {
  message: string;
  reason: string;
  metadata: Record<string, string>;
}

// The index in `text` of its `byte`th byte in UTF-8, from 0.
function indexOfByte(text: string, byte: number): number {
  const encoder = new TextEncoder();
  let bytes = 0;
  let index = 0;
  for (const character of text) {
    if (bytes >= byte) break;
    bytes += encoder.encode(character).length;
    index += character.length;
  }
  return index;
}

// Null if it names no position.
export function mistakeIn(q: string, { message, reason, metadata }: Complaint): Mistake | null {
  const position = Number(metadata['position'] ?? 0);
  if (!reason.startsWith('QUERY_') || !Number.isInteger(position) || position < 1) return null;
  const begin = indexOfByte(q, position - 1);
  const rest = q.slice(begin);
  const isKey = reason === 'QUERY_UNKNOWN_KEY';
  const at = (isKey ? /^[^\s:<>=()]+/u : /^("[^"]*"?|[^\s()]+|[()])/u).exec(rest)?.[0] ?? '';
  const suggestion = metadata['suggestion'] ?? '';
  const [before, after] = [q.slice(0, begin), rest.slice(at.length)];
  return {
    before,
    at,
    after,
    message: message.replace(/^query, position \d+: /u, ''),
    better: suggestion ? before + suggestion + after : '',
  };
}
