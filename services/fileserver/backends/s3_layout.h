// Where S3Backend keeps what, below the prefix of s3.url.
#pragma once

#include <string>

#include "services/common/blobs/blob_types.h"

namespace stockroom::fileserver::s3_layout {

inline constexpr char kBlobs[] = "blobs/";
inline constexpr char kAbout[] = "about/";
inline constexpr char kRenditions[] = "renditions/";
inline constexpr char kClaims[] = "claim-";
inline constexpr char kTouched[] = "touched";
inline constexpr char kSums[] = "sums";
// Written by health checks.
inline constexpr char kProbe[] = "about/probe";

// <aa>/<sha256>
inline std::string Sharded(const Digest& digest) {
  const std::string hex = digest.hex();
  return hex.substr(0, 2) + "/" + hex;
}

inline std::string BlobKey(const Digest& digest) { return kBlobs + Sharded(digest); }
inline std::string AboutFolder(const Digest& digest) { return kAbout + Sharded(digest) + "/"; }
inline std::string TouchedKey(const Digest& digest) { return AboutFolder(digest) + kTouched; }
inline std::string SumsKey(const Digest& digest) { return AboutFolder(digest) + kSums; }
inline std::string FenceKey(const Digest& digest) { return AboutFolder(digest) + "fence"; }
inline std::string RenditionFolder(const Digest& original) {
  return kRenditions + Sharded(original) + "/";
}
inline std::string RenditionKey(const RenditionAddress& address) {
  return RenditionFolder(address.original) + address.key;
}

}  // namespace stockroom::fileserver::s3_layout
