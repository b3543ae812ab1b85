// What the gateway answers: proto3 JSON of proto/stockroom/v1. 64-bit numbers are text, fields at
// their default may be missing.

export type Visibility = 'PUBLIC' | 'UNLISTED' | 'PRIVATE';

export interface Rendition {
  preset?: string;
  recipe?: string;
  format?: string;
  mediaType?: string;
  width?: number;
  height?: number;
  sizeBytes?: string;
  url?: string;
}

export interface Image {
  id: string;
  owner?: string;
  title?: string;
  description?: string;
  tags?: string[];
  license?: string;
  attributes?: Record<string, string>;
  visibility?: Visibility;
  state?: string;
  failureReason?: string;
  filename?: string;
  sha256?: string;
  sizeBytes?: string;
  width?: number;
  height?: number;
  format?: string;
  mediaType?: string;
  frames?: number;
  takenTime?: string;
  analysis?: Record<string, unknown>;
  renditions?: Rendition[];
  originalUrl?: string;
  createTime?: string;
  updateTime?: string;
  revision?: string;
  thumbHash?: string;
}

export interface Range {
  begin?: number;
  end?: number;
}

// Where a text matches; in characters.
export interface Highlight {
  field?: string;
  text?: string;
  ranges?: Range[];
}

export interface SearchHit {
  id?: string;
  score?: number;
  similarCount?: string;
  highlights?: Highlight[];
}

// An image as a search found it.
export interface Found extends Image {
  hit?: SearchHit;
}

export interface FacetValue {
  value?: string;
  count?: string;
}

export interface Facet {
  field?: string;
  values?: FacetValue[];
}

export interface SearchAnswer {
  images?: Image[];
  nextPageToken?: string;
  total?: string;
  feedPosition?: string;
  facets?: Facet[];
  hits?: SearchHit[];
  totalIsEstimate?: boolean;
  didYouMean?: string;
}

export interface Suggestion {
  text?: string;
  kind?: 'WORD' | 'TAG' | 'CAMERA' | 'KIND_UNSPECIFIED';
  count?: string;
}

export interface WhoAmI {
  subject?: string;
  anonymous?: boolean;
  scopes?: string[];
}

export interface UploadAnswer {
  image?: Image;
  deduplicated?: boolean;
  feedPosition?: string;
}

export interface FeedEvent {
  type: string;
  imageId: string;
  position: string;
}
