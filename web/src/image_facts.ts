// Reading of records. Analysis results may come from anybody who may write, so every value is
// looked at before it is used. Pure.
import { bytes, dateTime, exposureTime, megapixels } from './format';
import type { Image, Rendition } from './api/types';

export interface Fact {
  name: string;
  value: string;
}

type Json = Record<string, unknown>;

function object(value: unknown): Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : {};
}
function text(value: unknown): string {
  return typeof value === 'string' ? value.trim() : '';
}
function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) ? value : null;
}

export function titleOf(image: Image): string {
  return image.title || image.filename || 'Untitled';
}

// Words for what reads the page aloud.
export function altOf(image: Image): string {
  const name = titleOf(image);
  return image.description ? `${name}: ${image.description.slice(0, 200)}` : name;
}

// Paths of this gateway only: a record can not lead elsewhere.
export function pathOf(url: string | undefined): string {
  return url && /^\/[^/\\]/.test(url) ? url : '';
}

export function renditionsOf(image: Image): Rendition[] {
  return (image.renditions ?? [])
    .filter((rendition) => pathOf(rendition.url) && rendition.width && rendition.height)
    .sort((a, b) => (a.width ?? 0) * (a.height ?? 0) - (b.width ?? 0) * (b.height ?? 0));
}

// What to ask for to fill `width` pixels of the screen: thumb-320 and whatever is larger.
export function thumbnailOf(image: Image, pixels: number): Rendition | undefined {
  const all = renditionsOf(image);
  const enough = all.find((rendition) => (rendition.width ?? 0) >= pixels && (rendition.width ?? 0) >= 300);
  return enough ?? all.at(-1);
}

const SHOWN_BY_BROWSERS = ['jpeg', 'png', 'webp', 'gif', 'avif'];
const LARGEST_SHOWN = 8e6;

// Whether the original itself may stand in where its largest rendition is too small: one that
// browsers read and that is not heavy.
export function originalShown(image: Image): boolean {
  return (
    pathOf(image.originalUrl) !== '' &&
    SHOWN_BY_BROWSERS.includes(image.format ?? '') &&
    Number(image.sizeBytes ?? Infinity) <= LARGEST_SHOWN
  );
}

export function paletteOf(image: Image): { hex: string; weight: number }[] {
  const colors = object(image.analysis?.['palette'])['colors'];
  if (!Array.isArray(colors)) return [];
  return colors
    .map((color) => ({ hex: text(object(color)['hex']), weight: number(object(color)['weight']) ?? 0 }))
    .filter((color) => /^#[0-9a-f]{6}$/i.test(color.hex))
    .slice(0, 12);
}

export function photographFacts(image: Image): Fact[] {
  const facts = object(image.analysis?.['facts']);
  const camera = object(facts['camera']);
  const exposure = object(facts['exposure']);
  const gps = object(facts['gps']);
  const list: Fact[] = [];
  const add = (name: string, value: string) => {
    if (value) list.push({ name, value });
  };
  add('Taken', dateTime(image.takenTime, 'UTC'));
  const make = text(camera['make']);
  const model = text(camera['model']);
  add('Camera', model.toLowerCase().startsWith(make.toLowerCase()) ? model : `${make} ${model}`.trim());
  add('Lens', text(camera['lens']));
  const time = number(exposure['time_s']);
  const stop = number(exposure['f_number']);
  const iso = number(exposure['iso']);
  const focal = number(exposure['focal_length_mm']);
  const focal35 = number(exposure['focal_length_35mm']);
  add(
    'Exposure',
    [
      time && time > 0 ? exposureTime(time) : '',
      stop ? `f/${Number(stop.toFixed(1))}` : '',
      iso ? `ISO ${iso}` : '',
    ]
      .filter((part) => part)
      .join('  ·  '),
  );
  if (focal) {
    add(
      'Focal length',
      `${Number(focal.toFixed(1))} mm` + (focal35 && focal35 !== focal ? ` (${focal35} mm in 35 mm)` : ''),
    );
  }
  const latitude = number(gps['latitude']);
  const longitude = number(gps['longitude']);
  if (latitude !== null && longitude !== null) {
    const altitude = number(gps['altitude_m']);
    add(
      'Place',
      `${latitude.toFixed(5)}, ${longitude.toFixed(5)}` +
        (altitude === null ? '' : `, ${Math.round(altitude)} m`),
    );
  }
  add('Software', text(camera['software']));
  return list;
}

export function fileFacts(image: Image): Fact[] {
  const facts = object(image.analysis?.['facts']);
  const list: Fact[] = [];
  const add = (name: string, value: string) => {
    if (value) list.push({ name, value });
  };
  add('File', image.filename ?? '');
  if (image.width && image.height) {
    const mp = megapixels(image.width, image.height);
    add('Dimensions', `${image.width} × ${image.height}${mp ? `  ·  ${mp}` : ''}`);
  }
  add(
    'Format',
    [
      (image.format ?? '').toUpperCase(),
      bytes(Number(image.sizeBytes ?? NaN)),
      (image.frames ?? 1) > 1 ? `${image.frames} frames` : '',
    ]
      .filter((part) => part)
      .join('  ·  '),
  );
  const depth = number(facts['bit_depth']);
  add(
    'Colour',
    [
      text(facts['icc_profile']) || text(facts['color_space']),
      depth ? `${depth} bit` : '',
      facts['has_alpha'] === true ? 'transparency' : '',
    ]
      .filter((part) => part)
      .join('  ·  '),
  );
  add('Licence', image.license ?? '');
  add('Owner', image.owner ?? '');
  add(
    'Visibility',
    { PUBLIC: '', UNLISTED: 'Unlisted', PRIVATE: 'Private' }[image.visibility ?? 'PUBLIC'] ?? '',
  );
  add('Uploaded', dateTime(image.createTime));
  for (const [name, value] of Object.entries(image.attributes ?? {})) add(name, value);
  return list;
}

const SHOWN_ELSEWHERE = ['facts', 'palette', 'thumbhash', 'blurhash'];

// Results of processors that this page knows nothing about.
export function otherAnalysis(image: Image): { name: string; json: string }[] {
  return Object.entries(image.analysis ?? {})
    .filter(([name]) => !SHOWN_ELSEWHERE.includes(name))
    .map(([name, value]) => ({ name, json: JSON.stringify(value, null, 2).slice(0, 20_000) }));
}
