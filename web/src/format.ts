// Numbers and dates for people. Pure.

export function bytes(size: number): string {
  if (!Number.isFinite(size) || size < 0) return '';
  if (size < 1000) return `${size} B`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = size;
  let unit = -1;
  do {
    value /= 1000;
    unit += 1;
  } while (value >= 999.5 && unit < units.length - 1);
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit] ?? ''}`;
}

export function count(n: number): string {
  return n.toLocaleString('en');
}

export function plural(n: number, one: string, many = `${one}s`): string {
  return `${count(n)} ${n === 1 ? one : many}`;
}

// A photograph's time has no zone of its own; it is kept as UTC and shown as the camera had it.
export function dateTime(time: string | undefined, zone?: 'UTC'): string {
  const date = new Date(time ?? '');
  if (Number.isNaN(date.getTime())) return '';
  return date.toLocaleString('en-GB', {
    dateStyle: 'long',
    timeStyle: 'short',
    ...(zone ? { timeZone: zone } : {}),
  });
}

export function exposureTime(seconds: number): string {
  if (seconds >= 0.4) return `${Number(seconds.toFixed(1))} s`;
  return `1/${Math.round(1 / seconds)} s`;
}

export function megapixels(width: number, height: number): string {
  const mp = (width * height) / 1e6;
  return mp < 0.1 ? '' : `${mp < 10 ? mp.toFixed(1) : Math.round(mp)} MP`;
}
