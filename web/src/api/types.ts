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
}

export interface Suggestion {
  text?: string;
  kind?: 'WORD' | 'TAG' | 'KIND_UNSPECIFIED';
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
