// The nouns of the catalogue.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "services/common/base/digest.h"

namespace stockroom::api {

// Values are stored in the database: never renumber.
enum class Visibility { kPublic = 1, kUnlisted = 2, kPrivate = 3 };
enum class ImageState {
  kUploading = 1,
  kPending = 2,
  kProcessing = 3,
  kReady = 4,
  kFlagged = 5,
  kRejected = 6,
  kFailed = 7,
};

struct Rendition {
  std::string preset;
  std::string recipe;  // resolved canonical text
  std::string key;     // services/common/recipe
  std::string format;
  std::string media_type;
  int32_t width = 0;
  int32_t height = 0;
  int64_t size_bytes = 0;
  Digest sha256;  // of the rendition's bytes

  friend bool operator==(const Rendition&, const Rendition&) = default;
};

// "jpg" for "jpeg", else the format's own name: as in URLs of renditions.
inline std::string ExtensionOf(const std::string& format) {
  return format == "jpeg" ? "jpg" : format;
}

// Known once a worker has seen the image.
struct ImageFacts {
  int32_t width = 0;  // upright
  int32_t height = 0;
  std::string format;
  std::string media_type;
  int32_t frames = 0;
  std::optional<absl::Time> taken_time;

  friend bool operator==(const ImageFacts&, const ImageFacts&) = default;
};

// What the uploader says about an image, and may change later.
struct Description {
  std::string title;
  std::string description;
  std::vector<std::string> tags;
  std::string license;
  std::map<std::string, std::string> attributes;
  Visibility visibility = Visibility::kPublic;

  friend bool operator==(const Description&, const Description&) = default;
};

struct Image {
  std::string id;  // UUIDv7
  std::string owner;
  Description described;
  std::string filename;
  ImageState state = ImageState::kPending;
  std::string failure_reason;  // why it is FAILED, FLAGGED or REJECTED
  // FAILED because it kept killing its decoder or its workers: uploading it again does not try it
  // again, only a person's wish to re-process it.
  bool quarantined = false;

  Digest sha256;
  std::string md5;  // 16 bytes
  int64_t size_bytes = 0;

  ImageFacts facts;
  std::map<std::string, std::string> analysis;  // processor name to JSON text (always an object)
  std::vector<Rendition> renditions;
  // Configuration that the two were made under, opaque; empty before.
  std::string work_plan;

  absl::Time create_time;
  absl::Time update_time;
  int64_t revision = 0;  // 1 after creation, grows by one with every committed change

  friend bool operator==(const Image&, const Image&) = default;
};

// Moderation keeps it from everybody but its owner and moderators.
inline bool IsHidden(ImageState state) {
  return state == ImageState::kFlagged || state == ImageState::kRejected;
}
// Who may read and find an image: what is hidden counts as private.
inline Visibility SeenAs(const Image& image) {
  return IsHidden(image.state) ? Visibility::kPrivate : image.described.visibility;
}

}  // namespace stockroom::api
