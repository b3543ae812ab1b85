// What handlers look at of a pressed key.
export type Pressed = Pick<
  KeyboardEvent,
  'key' | 'altKey' | 'ctrlKey' | 'metaKey' | 'target' | 'preventDefault'
>;

export function withModifier(event: Pressed): boolean {
  return event.altKey || event.ctrlKey || event.metaKey;
}

// Keys belong to what is being typed.
export function isTyping(event: Pressed): boolean {
  return event.target instanceof Element && /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
}
