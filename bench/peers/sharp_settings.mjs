// The encoder settings of Stockroom's renditions (services/imageproc/codec/encode.cc), for sharp: the
// same quality, effort and chroma, upright, sRGB, no metadata; one thread a picture.
import sharp from 'sharp';

sharp.concurrency(1);
sharp.cache(false);
sharp.simd(true);

export const encode = {
  jpg: (image, quality) =>
    image.jpeg({ quality, chromaSubsampling: '4:2:0', optimiseCoding: true, progressive: false }),
  webp: (image, quality) => image.webp({ quality, effort: 2 }),
};

// Inside a box of width x height (either may be absent), never enlarged.
export function fitted(input, width, height) {
  return sharp(input, { limitInputPixels: 100_000_000 })
    .autoOrient()
    .resize({ width, height, fit: 'inside', withoutEnlargement: true });
}

export { sharp };
