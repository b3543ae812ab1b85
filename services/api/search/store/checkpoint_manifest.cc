#include "services/api/search/store/checkpoint_manifest.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <utility>

#include "services/api/search/store/folder.h"
#include "services/common/base/crc32c.h"
#include "services/common/base/digest.h"
#include "services/common/base/status.h"
#include "services/common/base/strings.h"

namespace stockroom::api {
namespace {

constexpr std::string_view kTitle = "stockroom-index 1\n";

std::string CrcText(uint32_t crc) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", crc);
  return text;
}

std::string FileLine(std::string_view kind, const ManifestFile& file) {
  return std::string(kind) + ' ' + file.name + ' ' + std::to_string(file.bytes) + ' ' +
         CrcText(file.crc) + '\n';
}

std::string DocumentsLine(const DocumentStore::FileMark& file) {
  return "documents " + file.name + ' ' + std::to_string(file.bytes) + ' ' +
         std::to_string(file.documents) + ' ' + file.identity + '\n';
}

std::vector<std::string_view> Words(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const size_t space = line.find(' ');
    words.push_back(line.substr(0, space));
    if (space == std::string_view::npos) return words;
    line.remove_prefix(space + 1);
  }
}

template <typename T>
bool ParseNumber(std::string_view text, T& number, int base = 10) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, base);
  return error == std::errc() && end == text.data() + text.size();
}

bool IsFileName(std::string_view name) {
  return !name.empty() && name[0] != '.' && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos;
}

bool ParseFile(const std::vector<std::string_view>& words, ManifestFile& file) {
  if (words.size() != 4 || !IsFileName(words[1])) return false;
  file.name = words[1];
  return ParseNumber(words[2], file.bytes) && ParseNumber(words[3], file.crc, 16);
}

// One line, by its first word.
bool ParseLine(std::string_view line, Manifest& manifest) {
  const std::vector<std::string_view> words = Words(line);
  const std::string_view kind = words[0];
  if (kind == "columns") return ParseFile(words, manifest.columns);
  if (kind == "segment") return ParseFile(words, manifest.segments.emplace_back());
  if (kind == "documents") {
    DocumentStore::FileMark& file = manifest.documents.emplace_back();
    if (words.size() != 5 || !IsFileName(words[1])) return false;
    file.name = words[1];
    file.identity = words[4];
    return ParseNumber(words[2], file.bytes) && ParseNumber(words[3], file.documents);
  }
  if (words.size() != 2) return false;
  if (kind == "number") return ParseNumber(words[1], manifest.number);
  if (kind == "format") return ParseNumber(words[1], manifest.format);
  if (kind == "feed") return ParseNumber(words[1], manifest.feed_position);
  if (kind != "catalogue") return false;
  auto id = FromHex(words[1]);
  if (!id.ok()) return false;
  manifest.catalogue_id = *std::move(id);
  return true;
}

}  // namespace

bool Manifest::Names(std::string_view file) const {
  const auto same = [&](const auto& named) { return named.name == file; };
  return same(columns) || std::any_of(segments.begin(), segments.end(), same) ||
         std::any_of(documents.begin(), documents.end(), same);
}

std::string ManifestText(const Manifest& manifest) {
  std::string text(kTitle);
  text += "number " + std::to_string(manifest.number) + '\n';
  text += "format " + std::to_string(manifest.format) + '\n';
  text += "feed " + std::to_string(manifest.feed_position) + '\n';
  text += "catalogue " + ToHex(manifest.catalogue_id) + '\n';
  text += FileLine("columns", manifest.columns);
  for (const ManifestFile& segment : manifest.segments) text += FileLine("segment", segment);
  for (const auto& file : manifest.documents) text += DocumentsLine(file);
  return text + "end " + CrcText(Crc32c(text)) + '\n';
}

absl::StatusOr<Manifest> ParseManifest(std::string_view text) {
  const absl::Status damaged = FileDamaged("the manifest is damaged or of another version");
  Manifest manifest;
  std::string_view rest = text;
  if (!rest.starts_with(kTitle)) return damaged;
  rest.remove_prefix(kTitle.size());
  while (!rest.starts_with("end ")) {
    const size_t newline = rest.find('\n');
    if (newline == std::string_view::npos) return damaged;
    if (!ParseLine(rest.substr(0, newline), manifest)) return damaged;
    rest.remove_prefix(newline + 1);
  }
  // The same text again: nothing is missing, nothing is there twice, and the checksum is right.
  if (ManifestText(manifest) != text) return damaged;
  return manifest;
}

std::string ManifestName(uint64_t number) {
  return "index-" + std::to_string(number) + ".manifest";
}

std::string ColumnsName(uint64_t number) { return "columns-" + std::to_string(number) + ".bin"; }

std::string SegmentName(std::string_view bytes) {
  return "segment-" + Digest::Of(bytes).hex().substr(0, 32) + ".bin";
}

}  // namespace stockroom::api
